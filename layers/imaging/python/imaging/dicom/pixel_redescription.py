"""What a header says of its pixels, brought up to date when these were decoded or encoded; PS3.3 Section C.7.6.3."""

from struct import pack

from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag
from pydicom.valuerep import VR

from imaging.dicom.pixel_attributes import (
    BITS_ALLOCATED,
    BITS_STORED,
    PHOTOMETRIC_INTERPRETATION,
    PIXEL_REPRESENTATION,
    PLANAR_CONFIGURATION,
)
from imaging.dicom.pixel_description import PixelDescription

_HIGH_BIT = 0x00280102


def redescribe(ds: Dataset, before: PixelDescription, after: PixelDescription) -> None:
    """Change in place what the two descriptions tell differently, and nothing else."""
    if before.photometric_interpretation != after.photometric_interpretation:
        text = after.photometric_interpretation.encode("ascii")
        _put(ds, PHOTOMETRIC_INTERPRETATION, VR.CS, text + b" " * (len(text) % 2))
    numbers = {
        BITS_ALLOCATED: (before.bits_allocated, after.bits_allocated),
        BITS_STORED: (before.bits_stored, after.bits_stored),
        _HIGH_BIT: (before.bits_stored - 1, after.bits_stored - 1),
        PIXEL_REPRESENTATION: (before.pixel_representation, after.pixel_representation),
    }
    if after.samples_per_pixel > 1:
        numbers[PLANAR_CONFIGURATION] = (before.planar_configuration, after.planar_configuration)
    for tag, (was, is_now) in numbers.items():
        if was != is_now:
            _put(ds, tag, VR.US, pack("<H", is_now))


def native_vr(description: PixelDescription) -> str:
    """The VR of uncompressed Pixel Data, PS3.5 Section A.2."""
    return "OB" if description.bits_allocated <= 8 else "OW"


def _put(ds: Dataset, tag: int, vr: VR, value: bytes) -> None:
    ds[tag] = RawDataElement(BaseTag(tag), vr.value, len(value), value, 0, False, True)
