from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from imaging.dicom.pixel_description import PixelDescription
from imaging.dicom.pixel_layout import PixelLayout

RLE = "1.2.840.10008.1.2.5"


@given(
    first_byte=st.integers(0, 2**40),
    sizes=st.lists(st.integers(1, 2**33), max_size=50),
    numbers=st.lists(st.integers(0, 65_535), min_size=6, max_size=6),
    photometric=st.text(max_size=16),
)
def test_a_layout_is_what_it_was_when_it_is_read_back(
    first_byte: int, sizes: list[int], numbers: list[int], photometric: str
) -> None:
    rows, columns, samples, bits, stored, frames = numbers
    description = PixelDescription(RLE, rows, columns, samples, photometric, bits, stored, 0, 1, frames)
    offsets = tuple(accumulate(sizes, initial=first_byte + 8)) if sizes else ()
    for layout in (
        PixelLayout(description, "OB", first_byte, sum(sizes) + 16, is_encapsulated=True, frame_offsets=offsets),
        PixelLayout(description, "OW", first_byte, 2**32 - 2, is_encapsulated=False, frame_bits=rows),
    ):
        assert PixelLayout.unpacked(layout.packed()) == layout


def test_a_layout_of_the_usual_image_takes_a_tenth_of_a_write_unit() -> None:
    description = PixelDescription("1.2.840.10008.1.2.4.90", 512, 512, 1, "MONOCHROME2", 16, 12, 1, 0, 1)
    layout = PixelLayout(description, "OB", 2_314, 131_072, is_encapsulated=True, frame_offsets=(2_322, 133_378))
    assert len(layout.packed()) <= 128
