"""Colour, compared with what pydicom makes of its own files."""

from dataclasses import replace

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.pixels.processing import apply_color_lut, convert_color_space

from imaging.dicom.rendering_header import frame_header, rendering_header
from imaging.pixels.colour import NoSuchColour
from imaging.pixels.rendering import picture_values
from imaging.ports.pixels import Frame
from tests.unit.pixels.pictures import FOLDER, first_frame, first_pixel_array, frame_of, header, image_files

pytestmark = pytest.mark.filterwarnings("ignore")

COLOURED = image_files(lambda ds: ds.SamplesPerPixel == 3)
SOME = np.random.default_rng(4)


@pytest.mark.parametrize("name", COLOURED)
def test_pydicoms_files_have_pydicoms_colours(name: str) -> None:
    ds = dcmread(FOLDER / name)
    got = picture_values(frame_header(rendering_header(ds, [1]), 0), first_frame(ds), None)
    assert (got == first_pixel_array(ds) >> (ds.BitsStored - 8)).all()


def test_planes_are_put_together() -> None:
    values = SOME.integers(0, 256, (6, 10, 3)).astype("u1")
    by_pixel = frame_of(values, "RGB")
    by_plane = Frame(values.transpose(2, 0, 1).tobytes(), replace(by_pixel.description, planar_configuration=1))
    assert (picture_values(Dataset(), by_plane, None) == values).all()


def test_ybr_of_sixteen_bits_is_made_rgb() -> None:
    values = SOME.integers(0, 65536, (6, 10, 3)).astype("<u2")
    expected = convert_color_space((values >> 8).astype("u1"), "YBR_FULL", "RGB")
    assert (picture_values(Dataset(), frame_of(values, "YBR_FULL"), None) == expected).all()


@pytest.mark.parametrize("photometric_interpretation", ["HSV", "YBR_PARTIAL_420"])
def test_colours_of_another_kind_are_refused(photometric_interpretation: str) -> None:
    with pytest.raises(NoSuchColour):
        picture_values(Dataset(), frame_of(np.zeros((4, 4, 3), "u1"), photometric_interpretation), None)


def palette(bits: int, entries: int, first: int = 0) -> Dataset:
    head = Dataset()
    for colour, shift in (("Red", 0), ("Green", 1), ("Blue", 2)):
        table = (np.arange(entries) * ((1 << bits) // entries) >> shift).astype("u1" if bits == 8 else "<u2")
        setattr(head, f"{colour}PaletteColorLookupTableDescriptor", [entries & 0xFFFF, first, bits])
        setattr(head, f"{colour}PaletteColorLookupTableData", table.tobytes())
    return head


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("first", [0, 5])
def test_a_palette_gives_what_pydicom_gives(bits: int, first: int) -> None:
    head = palette(bits, 256, first)
    values = SOME.integers(0, 256, (6, 10)).astype("u1")
    expected = apply_color_lut(values.astype("<i2"), head) >> (bits - 8)
    assert (picture_values(head, frame_of(values, "PALETTE COLOR"), None) == expected).all()


def test_a_palette_of_65536_entries_is_whole() -> None:
    head = palette(16, 65536)
    values = np.array([[0, 255, 256, 65535]], "<u2")
    assert picture_values(head, frame_of(values, "PALETTE COLOR"), None)[0, :, 0].tolist() == [0, 0, 1, 255]


def test_more_values_than_a_palette_of_bytes_has_colours() -> None:
    head = palette(8, 256)
    values = np.array([[0, 255, 256, 4000]], "<u2")  # pydicom would begin again at 0
    assert picture_values(head, frame_of(values, "PALETTE COLOR"), None)[0, :, 0].tolist() == [0, 255, 255, 255]


def test_entries_of_sixteen_bits_that_use_eight_are_not_black() -> None:
    head = palette(8, 256)
    for colour in ("Red", "Green", "Blue"):
        getattr(head, f"{colour}PaletteColorLookupTableDescriptor")[2] = 16
        eight = getattr(head, f"{colour}PaletteColorLookupTableData")
        setattr(head, f"{colour}PaletteColorLookupTableData", np.frombuffer(eight, "u1").astype("<u2").tobytes())
    values = np.array([[0, 128, 255]], "u1")
    assert picture_values(head, frame_of(values, "PALETTE COLOR"), None)[0, :, 0].tolist() == [0, 128, 255]


def test_the_palette_example_of_pydicom_has_its_colours() -> None:
    ds = dcmread(FOLDER / "test_files" / "examples_palette.dcm")
    got = picture_values(rendering_header(ds, [1]), first_frame(ds), None)
    expected = apply_color_lut(ds.pixel_array, ds)
    assert (got == (expected if expected.dtype == np.uint8 else expected >> 8)).all()


@pytest.mark.parametrize("bits", [8, 16])
def test_a_palette_of_segments_is_what_pydicom_makes_of_it(bits: int) -> None:
    most = (1 << bits) - 1
    # 2 discrete entries; a line of 100 up to the brightest; the same line once more by reference; a line down
    segments = [0, 2, 0, 3, 1, 100, most, 2, 1, *([4, 0, 0, 0] if bits == 8 else [4, 0]), 1, 54, 9]
    head = Dataset()
    head.PixelRepresentation = 0
    head.set_original_encoding(False, True)
    for colour in ("Red", "Green", "Blue"):
        setattr(head, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, bits])
        table = np.array(segments, "u1" if bits == 8 else "<u2").tobytes()
        setattr(head, f"Segmented{colour}PaletteColorLookupTableData", table)
    values = np.arange(256).astype("u1").reshape(16, 16)
    got = picture_values(head, frame_of(values, "PALETTE COLOR"), None)
    assert got[0, :3, 0].tolist() == [0, 3 >> (bits - 8), got[0, 2, 0]]
    if bits == 16:  # pydicom reads the offsets of 8-bit segments the other way round
        assert np.abs(got.astype(int) - (apply_color_lut(values, head) >> 8)).max() <= 1
    assert got.max() == 255


def test_a_palette_of_unknown_segments_is_refused() -> None:
    head = header()
    for colour in ("Red", "Green", "Blue"):
        setattr(head, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(head, f"Segmented{colour}PaletteColorLookupTableData", np.array([7, 1, 1], "<u2").tobytes())
    with pytest.raises(ValueError, match="segments"):
        picture_values(head, frame_of(np.zeros((2, 2), "u1"), "PALETTE COLOR"), None)
