"""Grey, compared with pydicom's own steps and with the formulas of PS3.3."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.pixels.processing import apply_modality_lut, apply_voi, apply_windowing

from imaging.dicom.rendering_header import frame_header, rendering_header
from imaging.pixels.rendering import picture_values
from imaging.ports.pixels import Window
from tests.unit.pixels.pictures import FOLDER, first_frame, first_pixel_array, frame_of, header, image_files, ramp

pytestmark = pytest.mark.filterwarnings("ignore")

MONOCHROME = image_files(lambda ds: str(ds.PhotometricInterpretation).startswith("MONOCHROME"))


def picture(values: NDArray[Any], head: Dataset, window: Window | None = None, **kind: Any) -> NDArray[np.uint8]:
    return picture_values(head, frame_of(values, **kind), window)


def eight_bits(values: NDArray[Any], lowest: float, highest: float) -> NDArray[np.uint8]:
    return np.rint(np.clip((values - lowest) / (highest - lowest), 0, 1) * 255).astype("u1")


@pytest.mark.parametrize("name", MONOCHROME)
def test_pydicoms_files_look_as_pydicoms_steps_make_them(name: str) -> None:
    ds = dcmread(FOLDER / name)
    values = apply_modality_lut(first_pixel_array(ds), ds).astype(float)
    if "WindowCenter" in ds:
        low, high = (float(np.asarray(end)) for end in _ends(ds))
        expected = eight_bits(apply_windowing(values, ds), low, high)
    elif ds.BitsStored == 1:
        expected = eight_bits(values, 0, 1)
    else:
        expected = eight_bits(values, values.min(), values.max())
    got = picture_values(frame_header(rendering_header(ds, [1]), 0), first_frame(ds), None)
    assert np.abs(got.astype(int) - expected).max() <= (1 if "WindowCenter" in ds else 0)


def _ends(ds: Dataset) -> tuple[float, float]:
    """What `apply_windowing` makes of black and white: the ends of what the values could be."""
    span = 1 << ds.BitsStored
    lowest = -(span // 2) if ds.PixelRepresentation else 0
    slope, intercept = float(ds.get("RescaleSlope", 1)), float(ds.get("RescaleIntercept", 0))
    return lowest * slope + intercept, (lowest + span - 1) * slope + intercept


@pytest.mark.parametrize("width", [1, 2, 40, 400, 4000])
@pytest.mark.parametrize("center", [-700.5, 0, 35, 1999])
@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_windows_are_those_of_the_standard(center: float, width: float, function: str) -> None:
    values = ramp(-1024, 3071)
    head = header(RescaleSlope=1, RescaleIntercept=-24)
    x = values.astype(float) - 24
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        y = {
            "LINEAR": ((x - (center - 0.5)) / (width - 1) + 0.5) * 255,
            "LINEAR_EXACT": ((x - center) / width + 0.5) * 255,
            "SIGMOID": 255 / (1 + np.exp(-4 * (x - center) / width)),
        }[function]
    if function == "LINEAR":
        y[x <= center - 0.5 - (width - 1) / 2] = 0
        y[x > center - 0.5 + (width - 1) / 2] = 255
    expected = np.rint(np.clip(y, 0, 255)).astype("u1")
    assert (picture(values, head, Window(center, width, function)) == expected).all()
    head.WindowCenter, head.WindowWidth, head.VOILUTFunction = str(center), str(width), function
    assert (picture(values, head) == expected).all()


def test_the_window_that_is_asked_for_comes_before_the_headers() -> None:
    head = header(WindowCenter=5, WindowWidth=10, VOILUTSequence=[header(LUTDescriptor=[2, 0, 8], LUTData=[0, 255])])
    values = ramp(0, 255, "u1")
    expected = eight_bits(values.astype(float), 100, 199)
    assert (picture(values, head, Window(150, 100, "LINEAR")) == expected).all()


@pytest.mark.parametrize(("center", "width"), [(40, 0), (40, -3), (40, 0.5), (40, None), (None, 40)])
def test_a_window_that_is_none_is_passed_over(center: float | None, width: float | None) -> None:
    head = Dataset()
    head.WindowCenter, head.WindowWidth = center, width
    assert (picture(ramp(10, 265), head) == eight_bits(ramp(10, 265), 10, 265)).all()


def test_the_first_of_several_windows_is_taken() -> None:
    several = header(WindowCenter=[40, 400], WindowWidth=[80, 2000])
    assert (picture(ramp(0, 255), several) == picture(ramp(0, 255), header(WindowCenter=40, WindowWidth=80))).all()


def test_without_a_window_the_frames_own_values_are_spread() -> None:
    assert (picture(ramp(-16, 239), Dataset()) == np.arange(256).reshape(-1, 16)).all()


@pytest.mark.parametrize("kind", [{"photometric_interpretation": "MONOCHROME1"}, {}])
def test_monochrome1_and_an_inverse_presentation_are_turned_once(kind: dict[str, str]) -> None:
    inverse = header(PresentationLUTShape="INVERSE")
    assert (picture(ramp(0, 255), inverse, **kind) == np.arange(255, -1, -1).reshape(-1, 16)).all()
    if kind:
        assert (picture(ramp(0, 255), Dataset(), **kind) == np.arange(255, -1, -1).reshape(-1, 16)).all()


@pytest.mark.parametrize("photometric_interpretation", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_stretches_nothing(photometric_interpretation: str) -> None:
    values = ramp(0, 255)
    values[0, :4] = (-2000, -1995, -1990, -1989)
    head = header(PixelPaddingValue=-2000, PixelPaddingRangeLimit=-1990)
    got = picture(values, head, photometric_interpretation=photometric_interpretation)
    assert got[0, :3].tolist() == [0, 0, 0]
    shown = eight_bits(values, -1989, 255)
    expected = 255 - shown if photometric_interpretation == "MONOCHROME1" else shown
    assert (got.ravel()[3:] == expected.ravel()[3:]).all()


def test_padding_written_as_unsigned_is_still_padding() -> None:
    values = ramp(0, 255)
    values[0, 0] = -2000
    got = picture(values, header(PixelPaddingValue=63536))
    assert got[0, :2].tolist() == [0, 0]
    assert (got.ravel()[1:] == eight_bits(values, 1, 255).ravel()[1:]).all()


def test_nothing_but_padding_is_black() -> None:
    assert not picture(np.full((4, 4), -5, "<i2"), header(PixelPaddingValue=-5)).any()


def test_a_single_value_is_black() -> None:
    assert not picture(np.full((4, 4), 700, "<u2"), Dataset()).any()


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_a_modality_lut_comes_first(bits: int) -> None:
    table = [int(value) for value in np.linspace((1 << bits) - 1, 0, 200)]
    head = header(ModalityLUTSequence=[header(LUTDescriptor=[200, 20, bits], LUTData=table)])
    values = ramp(0, 255, "<u2")
    expected = np.array(table)[np.clip(values.astype(int) - 20, 0, 199)]
    if bits != 12:  # of which pydicom makes nothing
        assert (apply_modality_lut(values, head) == expected).all()
    assert (picture(values, head) == eight_bits(expected, 0, (1 << bits) - 1)).all()


@pytest.mark.parametrize("first", [0, 17, -30])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_a_voi_lut_is_what_pydicom_makes_of_it(first: int, bits: int) -> None:
    table = [int(value) for value in np.linspace(0, 1, 128) ** 2 * ((1 << bits) - 1)]
    head = header(VOILUTSequence=[header(LUTDescriptor=[128, first, bits], LUTData=table)])
    head.WindowCenter = head.WindowWidth = 5
    values = ramp(-64, 191)
    assert (picture(values, head) == eight_bits(apply_voi(values, head).astype(float), 0, (1 << bits) - 1)).all()


def test_floating_point_pixels_are_spread_and_those_that_are_no_number_are_black() -> None:
    values = np.linspace(-1, 1, 64).astype("<f4").reshape(8, 8)
    values[0, 0] = np.nan
    values[0, 1] = np.inf
    frame = frame_of(values)
    frame = type(frame)(frame.content, _float(frame.description, "7FE00008"))
    got = picture_values(Dataset(), frame, None)
    assert got[0, :3].tolist() == [0, 0, 0]
    assert (got.ravel()[2:] == eight_bits(values.astype(float), values[0, 2], 1).ravel()[2:]).all()


def test_double_floating_point_padding_is_masked() -> None:
    values = np.linspace(-1, 1, 64).reshape(8, 8)
    values[3, 3] = -9e9
    frame = frame_of(values)
    frame = type(frame)(frame.content, _float(frame.description, "7FE00009"))
    got = picture_values(header(DoubleFloatPixelPaddingValue=-9e9), frame, None)
    assert got[3, 3] == 0
    assert got[7, 7] == 255
    assert (got.ravel()[28:] == eight_bits(values, -1, 1).ravel()[28:]).all()


def _float(description: Any, tag: str) -> Any:
    return type(description)(**{**vars(description), "tag": tag})


@pytest.mark.parametrize("dtype", ["<i4", "<u4"])
def test_32_bits_are_spread(dtype: str) -> None:
    values = (np.arange(256) * 16_843_009 - (2**31 if dtype == "<i4" else 0)).astype(dtype).reshape(16, 16)
    assert (picture(values, Dataset()) == np.arange(256).reshape(16, 16)).all()


def test_one_bit_is_black_and_white_even_where_all_are_the_same() -> None:
    frame = frame_of(np.full((2, 1), 255, "u1"))
    description = type(frame.description)(
        **{**vars(frame.description), "rows": 4, "columns": 4, "bits_allocated": 1, "bits_stored": 1}
    )
    assert (picture_values(Dataset(), type(frame)(frame.content, description), None) == 255).all()
