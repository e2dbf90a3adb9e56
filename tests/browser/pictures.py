"""One study with a series for each way in which DICOM stores a picture, and what each must look like."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.multival import MultiValue
from pydicom.pixels import apply_color_lut, pixel_array
from pydicom.uid import UID, HTJ2KLossless, SecondaryCaptureImageStorage

from imaging.dicom.quiet import without_warnings

_PYDICOM = Path(pydicom.__file__).parent / "data" / "test_files"
_HTJ2K = Path(__file__).parents[1] / "unit" / "pixels" / "htj2k"

# The same slice of a head, stored in many ways: a window of its own for each, so that none passes for another.
_MR_WINDOWS = {
    "MR_small_implicit": 500,
    "MR_small_bigendian": 620,
    "MR_small_RLE": 740,
    "MR_small_jpeg_ls_lossless": 860,
    "MR_small_jp2klossless": 980,
}
_GREY = ("CT_small", "JPGExtended", "JPEGLSNearLossless_08", "JPEGLSNearLossless_16", "image_dfl", "examples_overlay")
_COLOUR = (
    "examples_rgb_color",
    "ExplVR_BigEnd",  # by plane
    "examples_palette",
    "examples_ybr_color",  # 30 frames
    "examples_jpeg2k",
    "GDCMJ2K_TextGBR",
    "SC_rgb_rle",
    "SC_rgb_jls_lossy_sample",
    "SC_rgb_jpeg_gdcm",  # lossless
    "SC_rgb_jpeg_dcmtk",
    "SC_rgb_dcmtk_+eb+cr",
    "SC_rgb_dcmtk_+eb+cy+np",
)


@dataclass(frozen=True)
class Picture:
    """A series of one instance.

    Attributes
    ----------
    name
        Its Series Description.
    expected
        The first frame as it is to be shown, (rows, columns) or (rows, columns, 3), 0 to 255.
    """

    name: str
    study_instance_uid: str
    sop_instance_uid: str
    part10: bytes
    expected: NDArray[Any]

    @property
    def is_coloured(self) -> bool:
        """Whether it is more than grey."""
        return self.expected.ndim == 3


def pictures(study_instance_uid: str, patient_id: str) -> list[Picture]:
    """All of them, as instances of this study."""
    made = []
    for number, (name, ds) in enumerate(_data_sets(), start=1):
        ds.StudyInstanceUID = study_instance_uid
        ds.SeriesInstanceUID, ds.SOPInstanceUID = f"2.25.{uuid4().int}", f"2.25.{uuid4().int}"
        ds.PatientID, ds.PatientName = patient_id, "Every^Kind"
        ds.StudyDate, ds.StudyTime, ds.StudyDescription = "20260102", "030405", "Every kind of picture"
        ds.SeriesNumber, ds.SeriesDescription, ds.InstanceNumber = number, name, 1
        ds.SOPClassUID = ds.get("SOPClassUID") or SecondaryCaptureImageStorage
        ds.Modality = ds.get("Modality") or "OT"
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        file = BytesIO()
        with without_warnings():
            ds.save_as(file, enforce_file_format=True)
            made.append(Picture(name, ds.StudyInstanceUID, ds.SOPInstanceUID, file.getvalue(), _as_shown(ds)))
    return made


def _data_sets() -> Iterator[tuple[str, Dataset]]:
    for name, width in _MR_WINDOWS.items():
        ds = _read(name)
        ds.WindowCenter, ds.WindowWidth = 600, width
        yield name, ds
    for name in (*_GREY, *_COLOUR):
        yield name, _read(name)
    ds = _read("CT_small")
    ds.PhotometricInterpretation = "MONOCHROME1"
    yield "MONOCHROME1", ds
    yield "HTJ2K grey", _high_throughput("grey_12_bits.jhc", rows=40, columns=48, bits=12)
    yield "HTJ2K colour", _high_throughput("rgb.jhc", rows=40, columns=48, bits=8, colour="YBR_RCT")


def _read(name: str) -> Dataset:
    with without_warnings():
        return dcmread(_PYDICOM / f"{name}.dcm", force=True)


def _high_throughput(name: str, *, rows: int, columns: int, bits: int, colour: str = "") -> Dataset:
    ds = _read("SC_rgb_jpeg_gdcm")
    ds.file_meta.TransferSyntaxUID = HTJ2KLossless
    ds.Rows, ds.Columns = rows, columns
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = (8 if bits == 8 else 16), bits, bits - 1
    ds.SamplesPerPixel, ds.PhotometricInterpretation = (3, colour) if colour else (1, "MONOCHROME2")
    if not colour:
        del ds.PlanarConfiguration
        ds.WindowCenter, ds.WindowWidth = 2048, 4096
    ds.PixelData = encapsulate([(_HTJ2K / name).read_bytes()])
    return ds


def _as_shown(ds: Dataset) -> NDArray[Any]:
    """What pydicom makes of the first frame, through its window."""
    if UID(ds.file_meta.TransferSyntaxUID) == HTJ2KLossless:
        return _high_throughput_as_shown(ds)
    values = pixel_array(ds, index=0)
    if ds.PhotometricInterpretation == "PALETTE COLOR":
        return _through_palette(ds, values)
    return values if values.ndim == 3 else _through_window(ds, values)


def _high_throughput_as_shown(ds: Dataset) -> NDArray[Any]:
    y, x = np.mgrid[0 : ds.Rows, 0 : ds.Columns]  # as tests/unit/pixels has them
    if ds.SamplesPerPixel == 3:
        return np.stack([x * 5, y * 6, (x + y) * 2], axis=-1)
    return _through_window(ds, (x * 97 + y * y * 3) % 4096)


def _through_palette(ds: Dataset, values: NDArray[Any]) -> NDArray[Any]:
    colours = apply_color_lut(values, ds)
    return colours if colours.dtype == np.uint8 else colours >> 8


def _through_window(ds: Dataset, values: NDArray[Any]) -> NDArray[Any]:
    """As PS3.3 C.11.2.1.2 has it; all that is there where no window is given."""
    values = values * float(ds.get("RescaleSlope") or 1) + float(ds.get("RescaleIntercept") or 0)
    if "WindowCenter" in ds:
        centre, width = float(_first(ds.WindowCenter)), float(_first(ds.WindowWidth))
        lowest, highest = centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2
    else:
        lowest, highest = values.min(), values.max()
    shown = np.clip((values - lowest) / (highest - lowest), 0, 1) * 255
    return 255 - shown if ds.PhotometricInterpretation == "MONOCHROME1" else shown


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, MultiValue) else value
