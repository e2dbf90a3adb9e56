"""The parts of a ``multipart/related`` body; PS3.18 Section 8.6.1.2, RFC 2387 and RFC 2046 Section 5.1."""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, BinaryIO, cast

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from imaging.errors import Rejected, RejectReason

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_HEADERS_OF_PART = 16
MAX_HEADER_BYTES = 4096
MAX_BOUNDARY_LENGTH = 256  # RFC 2046 Section 5.1.1 allows senders 70; Orthanc, for one, takes 73
MAX_PADDING_BYTES = 256  # blanks behind the first boundary
KEPT_IN_MEMORY_BYTES = 1024 * 1024  # of one part; a longer one goes to disk


@dataclass(frozen=True)
class Part:
    """One part; who takes it closes its content.

    Attributes
    ----------
    content_type
        In lower case, without parameters; empty if the part names none.
    parameters
        Of the Content-Type, by lower-case name.
    content_location
        Where its metadata says it is; empty if the part does not tell.
    content
        At its beginning; in memory or, if it is long, on disk.
    """

    content_type: str
    content: BinaryIO
    parameters: Mapping[str, str] = field(default_factory=dict)
    content_location: str = ""


def spool() -> BinaryIO:
    """Make a file for a part, which goes to disk when it grows."""
    return cast(BinaryIO, SpooledTemporaryFile(KEPT_IN_MEMORY_BYTES))  # who takes it closes it


def media_type(header: str) -> tuple[str, dict[str, str]]:
    """Read a Content-Type: the type in lower case, and its parameters, quoted or not."""
    name, parameters = parse_options_header(header.encode("latin-1", "replace"))
    return (
        name.decode("latin-1").lower(),
        {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in parameters.items()},
    )


def read_parts(body: Iterable[bytes], boundary: str) -> Iterator[Part]:
    """Read parts as they arrive, each when it is whole.

    Nothing but the part that is coming in is held. After the closing boundary
    the body is read to its end, so that its sender gets to read the answer.

    Parameters
    ----------
    body
        In pieces of any size.
    boundary
        As the Content-Type has it, without the leading hyphens.

    Raises
    ------
    Rejected
        `MALFORMED_REQUEST` where it stops being a multipart body, or ends
        before its closing boundary; the parts before that have been given.
    """
    if not 0 < len(boundary) <= MAX_BOUNDARY_LENGTH or not boundary.isascii():
        raise _malformed("its Content-Type needs a boundary of 1 to 256 ASCII characters")
    arriving = _Arriving()
    parser = MultipartParser(
        boundary, arriving.callbacks(), max_header_count=MAX_HEADERS_OF_PART, max_header_size=MAX_HEADER_BYTES
    )
    try:
        for piece in _without_preamble(body, b"--" + boundary.encode("ascii")):
            if not arriving.is_complete:
                parser.write(piece)
            while arriving.whole:
                yield arriving.whole.popleft()
        if not arriving.is_complete:
            raise _malformed("its closing boundary is missing")
    except FormParserError as error:
        while arriving.whole:
            yield arriving.whole.popleft()
        raise _malformed("a boundary or a header in it is not as RFC 2046 has it") from error
    finally:
        arriving.close()


def _without_preamble(body: Iterable[bytes], delimiter: bytes) -> Iterator[bytes]:
    """From the first boundary on; what stands before it means nothing, RFC 2046 Section 5.1.1."""
    pieces = iter(body)
    held = b"\r\n"  # a boundary stands at the beginning of a line, and the body begins one
    line = re.compile(rb"\r\n" + re.escape(delimiter) + rb"(?:(--)|[ \t]*\r\n)")
    for piece in pieces:
        held += piece
        if first := line.search(held):
            yield delimiter + (first[1] or b"\r\n") + held[first.end() :]
            yield from pieces
            return
        held = held[-len(delimiter) - MAX_PADDING_BYTES :]
    raise _malformed("the boundary that its Content-Type names does not occur")


def _malformed(what: str) -> Rejected:
    return Rejected(RejectReason.MALFORMED_REQUEST, f"The multipart body cannot be read: {what}.")


class _Arriving:
    """Makes parts of what the parser calls out.

    Attributes
    ----------
    whole
        The parts that have come in and were not taken yet.
    """

    def __init__(self) -> None:
        self.whole: deque[Part] = deque()
        self.is_complete = False
        self._headers: dict[str, str] = {}
        self._name = self._value = b""
        self._content: BinaryIO | None = None

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._name_header,
            "on_header_value": self._take_header,
            "on_header_end": self._end_header,
            "on_part_data": self._take_content,
            "on_part_end": self._end,
            "on_end": self._complete,
        }

    def close(self) -> None:
        """Let go of what nobody will take."""
        for part in self.whole:
            part.content.close()
        if self._content:
            self._content.close()

    def _begin(self) -> None:
        self._headers, self._content = {}, spool()

    def _name_header(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _take_header(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value.decode("latin-1").strip()
        self._name = self._value = b""

    def _take_content(self, data: bytes, start: int, end: int) -> None:
        assert self._content is not None
        self._content.write(memoryview(data)[start:end])

    def _end(self) -> None:
        assert self._content is not None
        self._content.seek(0)
        content_type, parameters = media_type(self._headers.get("content-type", ""))
        self.whole.append(Part(content_type, self._content, parameters, self._headers.get("content-location", "")))
        self._content = None

    def _complete(self) -> None:
        self.is_complete = True
