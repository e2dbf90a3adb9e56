"""What a file lacks that begins with its data set, as old exports and those of some toolkits do; PS3.10 Section 7.1."""

from imaging.dicom.byte_source import ByteSource
from imaging.dicom.header import PREAMBLE_BYTES, PREFIX, read_header
from imaging.dicom.part10 import file_meta_information
from imaging.errors import Rejected

_BEGINS_WITH_FILE_META_INFORMATION = b"\x02\x00"
_BEGINS_WITH_DATA_SET = {b"\x08\x00", b"\x00\x08"}  # group 0008, in either byte order


class _Prefixed:
    """A `ByteSource` of some bytes and what follows them."""

    def __init__(self, prefix: bytes, source: ByteSource) -> None:
        self._prefix = prefix
        self._source = source

    @property
    def size_bytes(self) -> int:
        return len(self._prefix) + self._source.size_bytes

    def read_range(self, first: int, last: int) -> bytes:
        offset = len(self._prefix)
        found = self._prefix[first : last + 1]
        return found + self._source.read_range(max(first - offset, 0), last - offset) if last >= offset else found


def missing_beginning(source: ByteSource) -> bytes:
    """What has to stand before the bytes to make them a Part 10 file; empty if nothing does, or nothing would help.

    It depends on the data set alone, so that the same bytes always make the
    same file.
    """
    first = source.read_range(0, PREAMBLE_BYTES + len(PREFIX) - 1)
    if first[PREAMBLE_BYTES:] == PREFIX:
        return b""
    if first.startswith(_BEGINS_WITH_FILE_META_INFORMATION):
        return bytes(PREAMBLE_BYTES) + PREFIX
    if first[:2] not in _BEGINS_WITH_DATA_SET:
        return b""
    try:
        header = read_header(_Prefixed(file_meta_information("", "", ""), source), keep_sequences=False)
    except Rejected:  # nothing would help; it is refused for what it is
        return b""
    return file_meta_information(header.sop_class_uid, header.sop_instance_uid, header.transfer_syntax_uid)
