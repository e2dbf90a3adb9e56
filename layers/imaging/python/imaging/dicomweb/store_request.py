"""What a store request carries, one instance after the other; PS3.18 Section 10.5.1."""

import shutil
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import BinaryIO

from imaging.dicom.bare_data_set import missing_beginning
from imaging.dicom.byte_source import FileSource
from imaging.dicomweb.bulk_data import OCTET_STREAM
from imaging.dicomweb.media_types import DICOM, DICOM_JSON, DICOM_XML, MULTIPART
from imaging.dicomweb.metadata_request import MetadataAssembly
from imaging.dicomweb.multipart import Part, media_type, read_parts, spool
from imaging.errors import Rejected, RejectReason

_ROOT_TYPES = (DICOM, DICOM_JSON, DICOM_XML)


def instances_of(headers: Mapping[str, str], body: Iterable[bytes]) -> Generator[BinaryIO | Rejected, None, None]:
    """Read the instances of a request while it comes in.

    Parts without a Content-Type are what the request as a whole says.

    Parameters
    ----------
    headers
        By lower-case name.
    body
        In pieces of any size.

    Yields
    ------
    BinaryIO or Rejected
        A whole Part 10 file, which the caller closes; or why there is none.

    Raises
    ------
    Rejected
        `UNSUPPORTED_MEDIA_TYPE` if it is no store request, or compressed as a
        whole; `MALFORMED_REQUEST` where it cannot be split any further, or
        holds nothing.
    """
    name, parameters = media_type(headers.get("content-type", ""))
    # Some senders quote the type together with a transfer syntax.
    root_type = name if name == DICOM else media_type(parameters.get("type", DICOM))[0]
    if name not in {DICOM, MULTIPART} or root_type not in _ROOT_TYPES:
        raise Rejected(
            RejectReason.UNSUPPORTED_MEDIA_TYPE,
            f'Instances are stored as {MULTIPART} with type="{DICOM}", "{DICOM_JSON}" or "{DICOM_XML}", '
            f"or one of them as {DICOM}.",
        )
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Rejected(RejectReason.UNSUPPORTED_MEDIA_TYPE, "The body is compressed; send it without Content-Encoding.")
    if name == DICOM:
        instances = _single(body)
    elif root_type == DICOM:
        instances = _part10(read_parts(body, parameters.get("boundary", "")))
    else:
        instances = _assembled(read_parts(body, parameters.get("boundary", "")), root_type)
    is_empty = True
    for instance in instances:
        is_empty = False
        yield instance if isinstance(instance, Rejected) else _from_its_beginning(instance)
    if is_empty:
        raise Rejected(RejectReason.MALFORMED_REQUEST, "The request holds no instance.")


def _from_its_beginning(content: BinaryIO) -> BinaryIO:
    """The file itself, or one that begins as a file has to."""
    beginning = missing_beginning(FileSource(content))
    if not beginning:
        return content
    whole = spool()
    with content:
        content.seek(0)
        whole.write(beginning)
        shutil.copyfileobj(content, whole)
    return whole


def _single(body: Iterable[bytes]) -> Iterator[BinaryIO | Rejected]:
    content = spool()
    try:
        for piece in body:
            content.write(piece)
    except BaseException:  # also a sender that has left: nobody will close it
        content.close()
        raise
    if content.tell():
        yield content
    else:
        content.close()


def _part10(parts: Iterator[Part]) -> Iterator[BinaryIO | Rejected]:
    for part in parts:
        if part.content_type in {"", DICOM, OCTET_STREAM}:  # what a sender calls it that knows no better
            yield part.content
        else:
            part.content.close()
            yield Rejected(
                RejectReason.UNSUPPORTED_MEDIA_TYPE, f"A part is not {DICOM}, as the request says its parts are."
            )


def _assembled(parts: Iterator[Part], root_type: str) -> Iterator[BinaryIO | Rejected]:
    with MetadataAssembly(root_type) as assembly:
        for part in parts:
            if part.content_type == DICOM:
                part.content.close()
                yield Rejected(
                    RejectReason.UNSUPPORTED_MEDIA_TYPE,
                    f"A part is {DICOM} in a request of metadata; send it in another.",
                )
            else:
                yield from assembly.add(part)
        yield from assembly.finish()
