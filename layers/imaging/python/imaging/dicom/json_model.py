"""A header as DICOM JSON; PS3.18 Annex F."""

from base64 import b64encode
from collections.abc import Iterable
from typing import Any

from pydicom import Dataset
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.hooks import raw_element_vr
from pydicom.valuerep import VR
from pydicom.values import convert_SQ

from imaging.dicom.data_element import SPECIFIC_CHARACTER_SET, Element, raw_value
from imaging.dicom.data_set_reader import MAX_DEPTH
from imaging.dicom.header import Header
from imaging.dicom.json_value import CONVERSION_ERRORS, json_values
from imaging.dicom.quiet import without_warnings

MAX_INLINE_BYTES = 4096

BINARY_VRS = {VR.OB, VR.OD, VR.OF, VR.OL, VR.OV, VR.OW, VR.UN}
PIXEL_REPRESENTATION = 0x00280103

Attributes = dict[str, dict[str, Any]]


def to_dicom_json(header: Header, left_out: list[str] | None = None, *, further: Dataset | None = None) -> Attributes:
    """Make the DICOM JSON of all elements, text in Unicode.

    A value that breaks its VR is left out, alone: one careless element does
    not hide an instance. Binary values of more than 4096 bytes are given as a
    BulkDataURI relative to the instance, ``bulkdata/<tag>``, inside a sequence
    ``bulkdata/<tag of the sequence>/<item, from 0>/<tag>``.
    Encapsulated pixels are a BulkDataURI however short they are.

    Parameters
    ----------
    header
        As `read_header` gives it.
    left_out
        Receives the tags that were left out, as such paths.
    further
        What follows the header, as `imaging.dicom.outline.Outline` has it; None: the header alone.

    References
    ----------
    DICOM PS3.18 Section F.2, *DICOM JSON Model*.
    """
    paths = [] if left_out is None else left_out
    paths.extend(f"{tag:08X}" for tag in header.unreadable)
    with without_warnings():
        make = _DataSetJson(paths)
        attributes = make.of(header.data_set, path="", depth=0, signed=False)
        if further:
            attributes |= make.of(further, path="", depth=0, signed=_is_signed(header.data_set, otherwise=False))
        return attributes


class _DataSetJson:
    """Turns a data set and its sequences into JSON, noting what it leaves out."""

    def __init__(self, left_out: list[str]) -> None:
        self._left_out = left_out

    def of(self, ds: Dataset, *, path: str, depth: int, signed: bool) -> Attributes:
        """The attributes of a data set; `signed` as its surroundings have it."""
        signed = _is_signed(ds, signed)
        attributes: Attributes = {}
        for element in sorted(ds.values(), key=lambda element: element.tag):
            if not belongs(element):
                continue
            name = f"{element.tag:08X}"
            try:
                attributes[name] = self._attribute(ds, element, path=path + name, depth=depth, signed=signed)
            except CONVERSION_ERRORS:
                self._left_out.append(path + name)
        return attributes

    def _attribute(self, ds: Dataset, element: Element, *, path: str, depth: int, signed: bool) -> dict[str, Any]:
        if element.tag == SPECIFIC_CHARACTER_SET:
            return {"vr": "CS", "Value": ["ISO_IR 192"]}  # JSON is UTF-8, whatever the file is: PS3.18 F.2.1
        if isinstance(element, DataElement):
            return self._sequence(element.value, path=path, depth=depth, signed=signed)
        vr = value_vr(ds, element, signed)
        if element.value is None and element.length:
            return {"vr": vr, "BulkDataURI": f"bulkdata/{path}"}
        value = element.value or b""
        if vr == VR.SQ:
            items = convert_SQ(value, element.is_implicit_VR, element.is_little_endian, character_sets(ds))
            return self._sequence(items, path=path, depth=depth, signed=signed)
        if vr in BINARY_VRS:
            return _binary(vr, value, path)
        values = json_values(element, vr, character_sets(ds))
        return {"vr": vr, "Value": values} if values else {"vr": vr}

    def _sequence(self, items: Iterable[Dataset], *, path: str, depth: int, signed: bool) -> dict[str, Any]:
        if depth >= MAX_DEPTH:
            raise ValueError("nested too deep")
        values = [
            self.of(item, path=f"{path}/{number}/", depth=depth + 1, signed=signed) for number, item in enumerate(items)
        ]
        return {"vr": "SQ", "Value": values} if values else {"vr": "SQ"}


def belongs(element: Element) -> bool:
    """No Command Set and File Meta Information elements, no group lengths: PS3.18 F.2.2."""
    return element.tag.group >= 0x0008 and element.tag.element != 0x0000


def character_sets(ds: Dataset) -> list[str]:
    """Python's names of the data set's character sets, as the reader set them."""
    names = ds.original_character_set
    return [names] if isinstance(names, str) else list(names)


def _binary(vr: str, value: bytes, path: str) -> dict[str, Any]:
    if len(value) > MAX_INLINE_BYTES:
        return {"vr": vr, "BulkDataURI": f"bulkdata/{path}"}
    return {"vr": vr, "InlineBinary": b64encode(value).decode()} if value else {"vr": vr}


def value_vr(ds: Dataset, element: RawDataElement, signed: bool) -> str:
    """The VR as encoded, or as the dictionaries have it; where they leave a choice, PS3.5 Section A.1 makes it."""
    found: dict[str, Any] = {}
    raw_element_vr(element, found, ds=ds)
    vr = str(found["VR"])
    if vr == VR.US_SS:
        return "SS" if signed else "US"
    return "OW" if " or " in vr else vr


def _is_signed(ds: Dataset, otherwise: bool) -> bool:
    """Pixel Representation of this data set, or else of the one around it."""
    value = raw_value(ds, PIXEL_REPRESENTATION)
    return any(value) if value else otherwise
