"""What rendering asks of a header, and nothing of the patient; PS3.4 Section N.2."""

from collections.abc import Sequence

from pydicom import DataElement, Dataset
from pydicom import Sequence as Items
from pydicom.datadict import dictionary_VM
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag
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
_TAGS = tuple(map(Tag, _KEYWORDS))
_MACROS = tuple(map(Tag, ("PixelValueTransformationSequence", "FrameVOILUTSequence", "PixelMeasuresSequence")))
_SHARED, _PER_FRAME = Tag("SharedFunctionalGroupsSequence"), Tag("PerFrameFunctionalGroupsSequence")
_GROUPS = (_SHARED, _PER_FRAME)


def rendering_header(header: Dataset, numbers: Sequence[int] | None) -> Dataset:
    """Copy what rendering some frames takes, with little endian values; broken ones are left out.

    Parameters
    ----------
    numbers
        Of the frames, counted from 1: the copy's per-frame functional groups
        are theirs, in this order. None: of all that have some; such a copy can
        be copied again for some of them.
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
                    for number in (range(1, len(groups) + 1) if numbers is None else numbers)
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
    groups = [*_items(header, _SHARED), *_items(header, _PER_FRAME)[place : place + 1]]
    for group in groups:
        for macro in group:
            for item in macro.value[:1]:
                found.update(item)
    return found


def _group(item: Dataset, is_big_endian: bool) -> Dataset:
    found = Dataset()
    for tag in _MACROS:
        if items := _items(item, tag):
            found.add_new(tag, VR.SQ, Items([_copy(items[0], is_big_endian)]))
    return found


def _items(ds: Dataset, tag: BaseTag) -> list[Dataset]:
    element = _element(ds, tag)
    return list(element.value) if element is not None and element.VR == VR.SQ else []


def _copy(ds: Dataset, is_big_endian: bool) -> Dataset:
    found = Dataset()
    for tag in _TAGS:
        if element := _element(ds, tag):
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


def _element(ds: Dataset, tag: BaseTag) -> DataElement | None:
    try:
        return ds.get(tag) if tag in ds.keys() else None  # noqa: SIM118 - `in ds` looks the tag up in the dictionary
    except CONVERSION_ERRORS:  # as if it were not there: a picture with less said about it is better than none
        return None
