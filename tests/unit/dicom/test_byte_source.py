import pytest

from imaging.dicom.byte_source import RangeReader
from imaging.errors import Rejected, RejectReason
from tests.unit.dicom.files import RecordingSource

CONTENT = bytes(range(256)) * 2_000
KIB = 1024


def test_reads_like_a_file() -> None:
    reader = RangeReader(RecordingSource(CONTENT))
    assert (reader.read(3), reader.peek(2), reader.tell(), reader.read(2)) == (b"\0\1\2", b"\3\4", 3, b"\3\4")
    reader.seek(256_000)
    assert reader.read(3) == b"\0\1\2"
    reader.seek(-3, 1)
    assert reader.read(1) == b"\0"


def test_reads_ahead_at_most_64_kib() -> None:
    source = RecordingSource(CONTENT)
    RangeReader(source).read(10)
    assert source.ranges == [(0, 64 * KIB - 1)]


def test_reads_what_will_be_needed_in_larger_pieces() -> None:
    source = RecordingSource(CONTENT)
    reader = RangeReader(source)
    reader.needed_until = 300_000
    reader.read(10)
    assert source.ranges == [(0, 299_999)]


def test_looks_back_over_the_edge_of_a_window_without_reading_again() -> None:
    source = RecordingSource(CONTENT)
    reader = RangeReader(source)
    reader.seek(64 * KIB - 4)
    reader.read(8)
    reader.seek(64 * KIB - 4 + 100_000)
    reader.read(8)
    reader.seek(-8, 1)
    assert reader.read(4) == CONTENT[64 * KIB - 4 + 100_000 :][:4]
    assert source.bytes_read <= 3 * 64 * KIB + 8


def test_only_the_header_of_an_element_may_be_cut_by_the_end() -> None:
    reader = RangeReader(RecordingSource(b"abcde"))
    assert (reader.read(8), reader.cut) == (b"abcde", b"abcde")
    reader.seek(0)
    with pytest.raises(Rejected) as refused:
        reader.read(6)
    assert refused.value.reason is RejectReason.TRUNCATED
