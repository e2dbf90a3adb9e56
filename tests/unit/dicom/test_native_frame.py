import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicom.native_frame import native_frame, swapped
from imaging.dicom.pixel_description import PixelDescription
from imaging.dicom.pixel_layout import PixelLayout

LITTLE, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"


def layout(rows: int, columns: int, bits: int, transfer_syntax_uid: str = LITTLE) -> PixelLayout:
    description = PixelDescription(transfer_syntax_uid, rows, columns, 1, "MONOCHROME2", bits, bits, 0, 0, 9)
    return PixelLayout(description, "OW", 100, 10_000, is_encapsulated=False, frame_bits=rows * columns * bits)


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [(2, b"\2\1\4\3\6\5\7"), (4, b"\4\3\2\1\5\6\7"), (1, b"\1\2\3\4\5\6\7"), (8, b"\1\2\3\4\5\6\7")],
)
def test_swaps_whole_values_and_leaves_what_is_over(size_bytes: int, expected: bytes) -> None:
    assert swapped(b"\1\2\3\4\5\6\7", size_bytes) == expected


@given(st.binary(max_size=64), st.sampled_from([1, 2, 4, 8]))
def test_swapping_twice_changes_nothing(content: bytes, size_bytes: int) -> None:
    assert swapped(swapped(content, size_bytes), size_bytes) == content


def test_a_frame_of_bits_begins_inside_a_byte_and_is_moved() -> None:
    # 3 by 3 pixels: the second frame is bits 9 to 17
    assert layout(3, 3, 1).frame_range(2) == (101, 103)
    assert native_frame(layout(3, 3, 1), 2, bytes([0b1010_1010, 0b1111_1101])) == bytes([0b1101_0101, 0])


def test_a_frame_of_bytes_in_words_begins_inside_a_word() -> None:
    assert layout(3, 1, 8, BIG).frame_range(2) == (102, 106)
    assert native_frame(layout(3, 1, 8, BIG), 2, b"\4\3\6\5") == b"\4\5\6"
