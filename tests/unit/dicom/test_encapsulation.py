"""Encapsulated values, PS3.5 Section A.4."""

import io
import time

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.encaps import encapsulate, generate_frames

from imaging.dicom import encapsulation
from imaging.dicom.encapsulation import BulkValue, Encapsulation, encapsulated, find_fragments
from imaging.dicom.file_range import FileRange
from tests.unit.dicom.files import pydicom_file

DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"


def value(*contents: bytes, kind: Encapsulation = Encapsulation.FRAMES) -> BulkValue:
    return BulkValue(tuple(FileRange.of(io.BytesIO(content)) for content in contents), kind)


def fragments(content: bytes) -> list[bytes] | None:
    found = find_fragments(FileRange.of(io.BytesIO(content)))
    return None if found is None else [b"".join(fragment.pieces()) for fragment in found]


@given(st.lists(st.binary(min_size=1), min_size=1, max_size=5))
def test_makes_what_pydicom_makes_of_frames(frames: list[bytes]) -> None:
    assert b"".join(encapsulated(value(*frames))) == encapsulate(frames) + DELIMITER


def test_the_table_of_a_video_is_empty() -> None:
    made = b"".join(encapsulated(value(b"abc", kind=Encapsulation.STREAM)))
    assert made == b"\xfe\xff\0\xe0\0\0\0\0" + b"\xfe\xff\0\xe0\4\0\0\0abc\0" + DELIMITER


def test_what_is_longer_than_a_fragment_is_cut_and_has_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encapsulation, "MAX_FRAGMENT_BYTES", 4)
    made = b"".join(encapsulated(value(b"abcdef", b"gh")))
    assert fragments(made) == [b"", b"abcd", b"ef", b"gh"]


def test_an_encapsulated_value_goes_through_as_it_is() -> None:
    inner = encapsulate([b"ab", b"cdef"])
    assert b"".join(encapsulated(value(inner, kind=Encapsulation.FRAGMENTS))) == inner + DELIMITER


def test_ten_thousand_frames_take_no_time() -> None:
    file = io.BytesIO(bytes(100))
    frames = BulkValue(tuple(FileRange(file, 0, 100) for _ in range(10_000)), Encapsulation.FRAMES)
    started = time.thread_time()
    assert sum(map(len, encapsulated(frames))) == 10_000 * 112 + 16
    assert time.thread_time() - started < 10


@pytest.mark.parametrize("name", ["JPEG2000.dcm", "examples_ybr_color.dcm", "SC_rgb_rle_2frame.dcm"])
def test_finds_the_fragments_of_real_files(name: str) -> None:
    ds = pydicom.dcmread(io.BytesIO(pydicom_file(name)))
    number_of_frames = int(ds.get("NumberOfFrames", 1))
    for content in (ds.PixelData, ds.PixelData + DELIMITER, ds.PixelData + DELIMITER + b"\0"):
        found = fragments(content)
        assert found
        assert found[1:] == list(generate_frames(ds.PixelData, number_of_frames=number_of_frames))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xd8\xff\xe0",
        DELIMITER,
        encapsulate([b"abcd"])[:-1],
        encapsulate([b"abcd"]) + b"ab",
        encapsulate([b"abcd"]) + DELIMITER + b"more",
        b"\xfe\xff\0\xe0\1\0\0\0a",
    ],
)
def test_other_bytes_are_no_encapsulated_value(content: bytes) -> None:
    assert fragments(content) is None
