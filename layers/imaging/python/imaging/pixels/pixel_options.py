"""A `PixelDescription` in the words of pydicom's decoders and encoders."""

from typing import Any

from pydicom.uid import UID

from imaging.dicom.pixel_description import DOUBLE_FLOAT_PIXEL_DATA, FLOAT_PIXEL_DATA, PIXEL_DATA, PixelDescription

_KEYWORDS = {
    PIXEL_DATA: "PixelData",
    FLOAT_PIXEL_DATA: "FloatPixelData",
    DOUBLE_FLOAT_PIXEL_DATA: "DoubleFloatPixelData",
}


def pixel_options(description: PixelDescription) -> dict[str, Any]:
    """What a decoder or encoder is told of a buffer that holds one frame."""
    return {
        "transfer_syntax_uid": UID(description.transfer_syntax_uid),
        "rows": description.rows,
        "columns": description.columns,
        "number_of_frames": 1,
        "samples_per_pixel": description.samples_per_pixel,
        "photometric_interpretation": description.photometric_interpretation,
        "bits_allocated": description.bits_allocated,
        "bits_stored": description.bits_stored,
        "pixel_representation": description.pixel_representation,
        "planar_configuration": description.planar_configuration,
        "pixel_keyword": _KEYWORDS[description.tag],
    }
