"""Reads the Image Pixel Module, PS3.3 Section C.7.6.3, where it may be incomplete or wrong."""

from typing import Any

from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from imaging.dicom.header import Header
from imaging.dicom.json_model import character_sets, value_vr
from imaging.dicom.json_value import CONVERSION_ERRORS, json_values
from imaging.dicom.pixel_description import DOUBLE_FLOAT_PIXEL_DATA, FLOAT_PIXEL_DATA, PixelDescription
from imaging.dicom.quiet import without_warnings

SAMPLES_PER_PIXEL = 0x00280002
PHOTOMETRIC_INTERPRETATION = 0x00280004
PLANAR_CONFIGURATION = 0x00280006
NUMBER_OF_FRAMES = 0x00280008
ROWS = 0x00280010
COLUMNS = 0x00280011
BITS_ALLOCATED = 0x00280100
BITS_STORED = 0x00280101
PIXEL_REPRESENTATION = 0x00280103

_MAX_INTEGER = (1 << 31) - 1  # of VR IS, PS3.5 Section 6.2
_FLOAT_BITS = {FLOAT_PIXEL_DATA: 32, DOUBLE_FLOAT_PIXEL_DATA: 64}


def describe_pixels(header: Header, tag: str) -> PixelDescription:
    """What the header says of the pixels in the element with this tag.

    What is missing is 0, or what the standard has for it: one frame, one
    sample, all bits stored.
    """
    ds = header.data_set
    bits_allocated = _FLOAT_BITS.get(tag, 0) or _number(ds, BITS_ALLOCATED, 0)
    with without_warnings():
        return PixelDescription(
            transfer_syntax_uid=header.transfer_syntax_uid,
            rows=_number(ds, ROWS, 0),
            columns=_number(ds, COLUMNS, 0),
            samples_per_pixel=_number(ds, SAMPLES_PER_PIXEL, 1),
            photometric_interpretation=str(_first(ds, PHOTOMETRIC_INTERPRETATION) or ""),
            bits_allocated=bits_allocated,
            bits_stored=bits_allocated if tag in _FLOAT_BITS else _number(ds, BITS_STORED, bits_allocated),
            pixel_representation=0 if tag in _FLOAT_BITS else _number(ds, PIXEL_REPRESENTATION, 0),
            planar_configuration=_number(ds, PLANAR_CONFIGURATION, 0),
            number_of_frames=max(_number(ds, NUMBER_OF_FRAMES, 1), 1),
            tag=tag,
        )


def _number(ds: Dataset, tag: int, otherwise: int) -> int:
    value = _first(ds, tag)
    return value if isinstance(value, int) and 0 <= value <= _MAX_INTEGER else otherwise


def _first(ds: Dataset, tag: int) -> Any:  # noqa: ANN401 - any value that JSON has
    element = dict(ds.items()).get(BaseTag(tag))
    if not isinstance(element, RawDataElement) or not element.value:
        return None
    try:
        values = json_values(element, value_vr(ds, element, signed=False), character_sets(ds))
    except CONVERSION_ERRORS:
        return None
    return values[0] if values else None
