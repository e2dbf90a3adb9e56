"""Frames and headers made for a test, or taken from pydicom's own files."""

import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.encaps import generate_frames
from pydicom.uid import ExplicitVRLittleEndian

from imaging.dicom.pixel_description import PixelDescription
from imaging.ports.pixels import Frame

FOLDER = Path(pydicom.__file__).parent / "data"

UNREADABLE = {
    "JPEG-lossy.dcm",  # a baseline process with a spectral selection that is not baseline
    "JPEG2000-embedded-sequence-delimiter.dcm",  # its fragments hold what looks like an item to whoever only searches
    "MR_truncated.dcm",
    "badVR.dcm",  # its number of frames is none
    "meta_missing_tsyntax.dcm",
    "nested_priv_SQ.dcm",
    "SC_rgb_small_odd_big_endian.dcm",  # OW: whoever reads a frame of it puts its bytes in order (InstancePixels)
}


def image_files(which: Callable[[Dataset], bool] = lambda ds: True) -> list[str]:
    """Paths of pydicom's test files that have pixels which pydicom reads, as far as they are wanted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sorted(
            str(path.relative_to(FOLDER))
            for path in FOLDER.rglob("*.dcm")
            if path.name not in UNREADABLE and _is_wanted(dcmread(path, force=True), which)
        )


def _is_wanted(ds: Dataset, which: Callable[[Dataset], bool]) -> bool:
    return "PixelData" in ds and "Rows" in ds and which(ds)


def description_of(ds: Dataset) -> PixelDescription:
    return PixelDescription(
        transfer_syntax_uid=str(ds.file_meta.TransferSyntaxUID),
        rows=int(ds.Rows),
        columns=int(ds.Columns),
        samples_per_pixel=int(ds.SamplesPerPixel),
        photometric_interpretation=str(ds.PhotometricInterpretation),
        bits_allocated=int(ds.BitsAllocated),
        bits_stored=int(ds.BitsStored),
        pixel_representation=int(ds.PixelRepresentation),
        planar_configuration=int(ds.get("PlanarConfiguration") or 0),
        number_of_frames=int(ds.get("NumberOfFrames") or 1),
    )


def first_frame(ds: Dataset) -> Frame:
    description = description_of(ds)
    if ds.file_meta.TransferSyntaxUID.is_encapsulated:
        return Frame(next(generate_frames(ds.PixelData, number_of_frames=description.number_of_frames)), description)
    samples = 2 if description.photometric_interpretation == "YBR_FULL_422" else description.samples_per_pixel
    bits = description.rows * description.columns * samples * description.bits_allocated
    return Frame(ds.PixelData[: (bits + 7) // 8], description)


def first_pixel_array(ds: Dataset) -> NDArray[Any]:
    """What pydicom makes of the first frame."""
    array = ds.pixel_array
    return array[0] if description_of(ds).number_of_frames > 1 else array


def frame_of(
    values: NDArray[Any], photometric_interpretation: str = "MONOCHROME2", *, bits_stored: int | None = None
) -> Frame:
    """An uncompressed frame of rows by columns, or by 3."""
    bits = values.dtype.itemsize * 8
    return Frame(
        values.tobytes(),
        PixelDescription(
            transfer_syntax_uid=str(ExplicitVRLittleEndian),
            rows=values.shape[0],
            columns=values.shape[1],
            samples_per_pixel=values.shape[2] if values.ndim == 3 else 1,
            photometric_interpretation=photometric_interpretation,
            bits_allocated=bits,
            bits_stored=bits_stored or bits,
            pixel_representation=int(values.dtype.kind == "i"),
            planar_configuration=0,
            number_of_frames=1,
        ),
    )


def ramp(first: int, last: int, dtype: str = "<i2") -> NDArray[Any]:
    """Every value once, in rows of 16."""
    return np.arange(first, last + 1).astype(dtype).reshape(-1, 16)


def header(**attributes: Any) -> Dataset:
    """A header; attributes go by keyword."""
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def opened(picture: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(BytesIO(picture)))
