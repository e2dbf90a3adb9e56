"""The header of a DICOM file: everything before its Pixel Data; PS3.10 Section 7."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
)

from imaging.dicom.byte_source import ByteSource, BytesSource, RangeReader
from imaging.dicom.data_element import raw_value
from imaging.dicom.data_set_reader import DataSetReader
from imaging.dicom.deflated import InflatedSource
from imaging.dicom.uid import check_uid
from imaging.errors import Rejected, RejectReason

__all__ = ["ByteSource", "BytesSource", "Header", "data_set_offset", "read_header"]

PREAMBLE_BYTES = 128
PREFIX = b"DICM"

FILE_META_INFORMATION_GROUP = 0x0002
PIXEL_DATA_GROUP = 0x7FE0  # the Extended Offset Table and what else describes Pixel Data stands in it too
PIXEL_DATA_TAGS = {0x7FE00008, 0x7FE00009, 0x7FE00010}  # Float, Double Float, and Pixel Data

MEDIA_STORAGE_SOP_CLASS_UID = 0x00020002
MEDIA_STORAGE_SOP_INSTANCE_UID = 0x00020003
TRANSFER_SYNTAX_UID = 0x00020010
SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E


@dataclass(frozen=True)
class Header:
    """What a file says before its Pixel Data; all five UIDs are there and checked.

    Attributes
    ----------
    data_set
        The elements, unconverted. A bulk value that was passed over is there
        with its length and the value None.
    media_storage_sop_class_uid, media_storage_sop_instance_uid
        What the File Meta Information says; empty where it says nothing.
    data_set_offset
        The first byte after the File Meta Information, from the start of the file.
    pixel_data_offset
        The first byte of group 7FE0, or the end, from the start of the file;
        of a deflated data set, from its start when inflated.
    unreadable
        Tags of sequences that had to be left out.
    is_encoded_otherwise
        It has explicit VRs where its transfer syntax says implicit, or none where it says explicit.
    """

    data_set: Dataset
    transfer_syntax_uid: str
    sop_class_uid: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    media_storage_sop_class_uid: str
    media_storage_sop_instance_uid: str
    data_set_offset: int
    pixel_data_offset: int
    unreadable: tuple[int, ...] = ()
    is_encoded_otherwise: bool = False


@dataclass(frozen=True)
class OpenInstance:
    """A file whose header has been read, to go on reading.

    Attributes
    ----------
    elements
        They stand at the first element of group 7FE0, or at the end.
    """

    header: Header
    elements: DataSetReader


def read_header(source: ByteSource, *, keep_sequences: bool = True) -> Header:
    """Read what a file says of its instance, without touching its Pixel Data.

    At most the header and 64 KiB are read, whatever the size of the file; of
    values longer than 64 KiB in a bulk VR only the length. A deflated data set
    is inflated up to its Pixel Data.

    Parameters
    ----------
    source
        A whole file: 128-byte preamble, ``DICM`` prefix, File Meta
        Information, data set.
    keep_sequences
        False leaves sequences out, for who needs the identifiers only.

    Raises
    ------
    Rejected
        `NOT_DICOM` if the prefix is absent, the bytes after it are no data set
        or the file is a DICOMDIR; `TRUNCATED`; `MISSING_IDENTIFIER` and
        `INVALID_IDENTIFIER` for a UID; `TOO_LARGE` for a header beyond all
        use. It names the instance as far as that could be read.

    References
    ----------
    DICOM PS3.10 Section 7.1, *DICOM File Meta Information*.
    """
    return open_instance(source, keep_sequences=keep_sequences).header


def open_instance(source: ByteSource, *, keep_sequences: bool = True) -> OpenInstance:
    """Read the header as `read_header` does, and stop where it ends."""
    reader = _behind_prefix(source)
    file_meta = _read_file_meta_information(reader)
    with _naming(file_meta, MEDIA_STORAGE_SOP_CLASS_UID, MEDIA_STORAGE_SOP_INSTANCE_UID):
        return _read_data_set(source, reader, file_meta, keep_sequences)


def data_set_offset(source: ByteSource) -> int:
    """Where the data set of a file begins: its first byte after the File Meta Information.

    Raises
    ------
    Rejected
        `NOT_DICOM` if the prefix is absent; `TRUNCATED`.
    """
    reader = _behind_prefix(source)
    _read_file_meta_information(reader)
    return reader.tell()


def _behind_prefix(source: ByteSource) -> RangeReader:
    reader = RangeReader(source)
    if reader.peek(PREAMBLE_BYTES + len(PREFIX))[PREAMBLE_BYTES:] != PREFIX:
        raise Rejected(
            RejectReason.NOT_DICOM, "This is not a DICOM file: after a preamble of 128 bytes it must have DICM."
        )
    reader.seek(PREAMBLE_BYTES + len(PREFIX))
    return reader


def _read_data_set(source: ByteSource, reader: RangeReader, file_meta: Dataset, keep_sequences: bool) -> OpenInstance:
    if _uid(file_meta, MEDIA_STORAGE_SOP_CLASS_UID) == MediaStorageDirectoryStorage:
        raise Rejected(RejectReason.NOT_DICOM, "A DICOMDIR is no instance; send the files that it lists.")
    data_set_offset = reader.tell()
    declared = _uid(file_meta, TRANSFER_SYNTAX_UID)
    transfer_syntax_uid = check_uid("TransferSyntaxUID", declared or _only_possible_transfer_syntax(reader))
    elements = open_data_set(source, reader, transfer_syntax_uid, keep_sequences=keep_sequences)
    is_implicit = transfer_syntax_uid == ImplicitVRLittleEndian
    implicit_vr = elements.finds_implicit_vr(declared=is_implicit)
    ds = elements.read(implicit_vr=implicit_vr, stop_at=lambda tag: tag >> 16 == PIXEL_DATA_GROUP)
    if not declared and elements.stopped_at_undefined_length:
        raise _unknown_transfer_syntax()  # encapsulated, and nothing says how it is compressed
    with _naming(ds, SOP_CLASS_UID, SOP_INSTANCE_UID):
        header = Header(
            data_set=ds,
            transfer_syntax_uid=transfer_syntax_uid,
            sop_class_uid=check_uid("SOPClassUID", _uid(ds, SOP_CLASS_UID)),
            study_instance_uid=check_uid("StudyInstanceUID", _uid(ds, STUDY_INSTANCE_UID)),
            series_instance_uid=check_uid("SeriesInstanceUID", _uid(ds, SERIES_INSTANCE_UID)),
            sop_instance_uid=check_uid("SOPInstanceUID", _uid(ds, SOP_INSTANCE_UID)),
            media_storage_sop_class_uid=_uid(file_meta, MEDIA_STORAGE_SOP_CLASS_UID),
            media_storage_sop_instance_uid=_uid(file_meta, MEDIA_STORAGE_SOP_INSTANCE_UID),
            data_set_offset=data_set_offset,
            pixel_data_offset=elements.position,
            unreadable=tuple(elements.unreadable),
            is_encoded_otherwise=implicit_vr != is_implicit,
        )
    return OpenInstance(header, elements)


def open_data_set(
    source: ByteSource, reader: RangeReader, transfer_syntax_uid: str, *, keep_sequences: bool
) -> DataSetReader:
    """Make a reader of the data set that begins where `reader` stands in `source`."""
    if transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
        reader = RangeReader(InflatedSource(source, reader.tell()))
    little_endian = transfer_syntax_uid != ExplicitVRBigEndian
    return DataSetReader(reader, little_endian=little_endian, keep_sequences=keep_sequences)


def _read_file_meta_information(reader: RangeReader) -> Dataset:
    """Read group 0002, whose own group length is not to be relied upon, PS3.10 Section 7.1."""
    elements = DataSetReader(reader, little_endian=True, keep_sequences=False)
    implicit_vr = elements.finds_implicit_vr(declared=False)
    return elements.read(implicit_vr=implicit_vr, stop_at=lambda tag: tag >> 16 != FILE_META_INFORMATION_GROUP)


def _only_possible_transfer_syntax(reader: RangeReader) -> str:
    """The transfer syntax of a file that names none, where its first element leaves one possibility.

    Explicit VR Little Endian is one while Pixel Data is not encapsulated.
    """
    first = reader.peek(6)
    little_endian, big_endian = first[1:2] == b"\0", first[:1] == b"\0"  # the first group is below 0100
    explicit_vr = first[4:].isalpha() and first[4:].isupper()
    if explicit_vr and little_endian != big_endian:
        return str(ExplicitVRLittleEndian if little_endian else ExplicitVRBigEndian)
    if little_endian and not explicit_vr:
        return str(ImplicitVRLittleEndian)
    raise _unknown_transfer_syntax()


def _unknown_transfer_syntax() -> Rejected:
    return Rejected(
        RejectReason.NOT_DICOM, "The File Meta Information names no Transfer Syntax UID, and the file leaves several."
    )


@contextmanager
def _naming(ds: Dataset, sop_class_tag: int, sop_instance_tag: int) -> Iterator[None]:
    """Let a refusal name the instance by these UIDs, so far as it has none and they are UIDs."""
    try:
        yield
    except Rejected as rejected:
        rejected.sop_class_uid = rejected.sop_class_uid or _valid_uid(ds, sop_class_tag)
        rejected.sop_instance_uid = rejected.sop_instance_uid or _valid_uid(ds, sop_instance_tag)
        raise


def _valid_uid(ds: Dataset, tag: int) -> str:
    try:
        return check_uid("", _uid(ds, tag))
    except Rejected:
        return ""


def _uid(ds: Dataset, tag: int) -> str:
    """The element's text without its padding, PS3.5 Section 9.1; spaces occur too."""
    return raw_value(ds, tag).decode("latin-1").strip("\0 ")
