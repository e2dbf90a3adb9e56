"""What rendering asks of a header, and nothing of the patient; PS3.4 Section N.2."""

from collections.abc import Sequence

from pydicom import DataElement, Dataset
from pydicom import Sequence as Items
from pydicom.datadict import dictionary_VM
from pydicom.multival import MultiValue
from pydicom.tag import Tag
from pydicom.valuerep import VR

from imaging.dicom.json_value import CONVERSION_ERRORS
from imaging.dicom.native_frame import swapped
from imaging.dicom.quiet import without_warnings

_KEYWORDS = (
    *("PixelRepresentation", "PixelAspectRatio", "PixelSpacing"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit", "FloatPixelPaddingValue", "FloatPixelPaddingRangeLimit"),
    *("DoubleFloatPixelPaddingValue", "DoubleFloatPixelPaddingRangeLimit"),
    *("RescaleIntercept", "RescaleSlope", "ModalityLUTSequence"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence", "PresentationLUTShape"),
    *(f"{colour}PaletteColorLookupTableDescriptor" for colour in ("Red", "Green", "Blue")),
    *(f"{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
    *(f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
    *("FrameTime", "FrameTimeVector", "CineRate", "RecommendedDisplayFrameRate", "RepresentativeFrameNumber"),
    *("LUTDescriptor", "LUTData"),
)
_MACROS = ("PixelValueTransformationSequence", "FrameVOILUTSequence", "PixelMeasuresSequence")
_SHARED, _PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
_GROUPS = (Tag(_SHARED), Tag(_PER_FRAME))


def rendering_header(header: Dataset, numbers: Sequence[int]) -> Dataset:
    """Copy what rendering some frames takes, with little endian values; broken ones are left out.

    Parameters
    ----------
    numbers
        Of the frames, counted from 1: the copy's per-frame functional groups
        are theirs, in this order.
    """
    is_big_endian = header.original_encoding[1] is False
    with without_warnings():
        found = _copy(header, is_big_endian)
        if shared := _items(header, _SHARED):
            found.SharedFunctionalGroupsSequence = Items([_group(shared[0], is_big_endian)])
        if groups := _items(header, _PER_FRAME):
            found.PerFrameFunctionalGroupsSequence = Items(
                [
                    _group(groups[number - 1], is_big_endian) if number <= len(groups) else Dataset()
                    for number in numbers
                ]
            )
    return found


def frame_header(header: Dataset, place: int) -> Dataset:
    """Make what the functional groups say of one frame the header's own; PS3.3 Section C.7.6.16.

    Parameters
    ----------
    header
        As `rendering_header` makes it.
    place
        Of the frame among those it was made for, counted from 0.
    """
    found = Dataset({tag: element for tag, element in header.items() if tag not in _GROUPS})
    groups = [*header.get(_SHARED, []), *header.get(_PER_FRAME, [])[place : place + 1]]
    for group in groups:
        for macro in group:
            for item in macro.value[:1]:
                found.update(item)
    return found


def _group(item: Dataset, is_big_endian: bool) -> Dataset:
    found = Dataset()
    for keyword in _MACROS:
        if items := _items(item, keyword):
            setattr(found, keyword, Items([_copy(items[0], is_big_endian)]))
    return found


def _items(ds: Dataset, keyword: str) -> list[Dataset]:
    element = _element(ds, keyword)
    return list(element.value) if element is not None and element.VR == VR.SQ else []


def _copy(ds: Dataset, is_big_endian: bool) -> Dataset:
    found = Dataset()
    for keyword in _KEYWORDS:
        if element := _element(ds, keyword):
            try:
                if (copied := _copied(element, is_big_endian)) is not None:
                    found.add(copied)
            except CONVERSION_ERRORS:  # as if it were not there, see `_element`
                continue
    return found


def _copied(element: DataElement, is_big_endian: bool) -> DataElement | None:
    value = element.value
    if element.VR == VR.SQ:
        items = [_copy(item, is_big_endian) for item in value]
        value = Items(item for item in items if "LUTDescriptor" in item and "LUTData" in item)
    elif element.VR == VR.OW and is_big_endian:
        value = swapped(value, 2)
    elif isinstance(value, MultiValue) and dictionary_VM(element.tag) == "1":
        value = value[0]
    return None if value is None or value in ("", b"") else DataElement(element.tag, element.VR, value)


def _element(ds: Dataset, keyword: str) -> DataElement | None:
    try:
        return ds.get(Tag(keyword))
    except CONVERSION_ERRORS:  # as if it were not there: a picture with less said about it is better than none
        return None
