"""Finds binary elements in a data set by the paths of BulkDataURIs; `imaging.dicom.json_model`."""

import re

from pydicom import Dataset
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag
from pydicom.values import convert_SQ

from imaging.dicom.data_element import Element
from imaging.dicom.data_set_reader import MAX_DEPTH
from imaging.dicom.json_model import BINARY_VRS, belongs, character_sets, value_vr
from imaging.dicom.json_value import CONVERSION_ERRORS
from imaging.dicom.quiet import without_warnings
from imaging.errors import Rejected, RejectReason

_TAG = re.compile("[0-9A-Fa-f]{8}")
_ITEM = re.compile("0|[1-9][0-9]{0,5}")

Way = tuple[int, ...]
"""Tags and item numbers by turns."""


class BulkDataElements:
    """The elements of one data set; a sequence is gone through once, however many of its values are asked for."""

    def __init__(self, ds: Dataset) -> None:
        self._elements: dict[Way, tuple[Dataset, dict[BaseTag, Element]]] = {(): (ds, dict(ds.items()))}
        self._items: dict[Way, list[Dataset]] = {}

    def find(self, way: Way) -> tuple[str, RawDataElement]:
        """The element at the end of the way, and its VR.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE` if there is none, or it is not binary.
        """
        try:
            with without_warnings():
                ds, elements = self._data_set(way[:-1])
                element = elements[BaseTag(way[-1])]
                if isinstance(element, RawDataElement) and belongs(element):
                    vr = value_vr(ds, element, signed=False)
                    if vr in BINARY_VRS:
                        return vr, element
        except CONVERSION_ERRORS as failure:
            raise not_found() from failure
        raise not_found()

    def _data_set(self, way: Way) -> tuple[Dataset, dict[BaseTag, Element]]:
        """The data set itself, or the item at the end of the way."""
        if way not in self._elements:
            ds = self._items_of(way[:-1])[way[-1]]
            self._elements[way] = ds, dict(ds.items())
        return self._elements[way]

    def _items_of(self, way: Way) -> list[Dataset]:
        if way not in self._items:
            ds, elements = self._data_set(way[:-1])
            self._items[way] = _items(ds, elements[BaseTag(way[-1])])
        return self._items[way]


def way_of(path: str) -> Way:
    """The way that a path describes.

    Raises
    ------
    Rejected
        `NO_SUCH_RESOURCE` if it describes none.
    """
    segments = path.split("/")
    kinds = [_ITEM if place % 2 else _TAG for place in range(len(segments))]
    is_path = all(kind.fullmatch(segment) for kind, segment in zip(kinds, segments, strict=True))
    if not is_path or not len(segments) % 2 or len(segments) > 2 * MAX_DEPTH:
        raise not_found()
    return tuple(int(segment, 10 if place % 2 else 16) for place, segment in enumerate(segments))


def not_found() -> Rejected:
    """The refusal of a path that leads to no value."""
    return Rejected(
        RejectReason.NO_SUCH_RESOURCE, "The instance has no such bulk data; its metadata has the paths that it has."
    )


def _items(ds: Dataset, element: Element) -> list[Dataset]:
    if isinstance(element, DataElement):
        return list(element.value)
    if value_vr(ds, element, signed=False) != "SQ":
        raise not_found()
    return list(convert_SQ(element.value or b"", element.is_implicit_VR, element.is_little_endian, character_sets(ds)))
