"""A data set from DICOM JSON; PS3.18 Section F.2."""

import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydicom.datadict import dictionary_VR
from pydicom.valuerep import BYTES_VR, VR

from imaging.dicom.data_element import SPECIFIC_CHARACTER_SET
from imaging.dicom.data_set_reader import MAX_DEPTH
from imaging.dicom.uid import check_uid
from imaging.dicom.value_field import BrokenValueError, value_field
from imaging.errors import Rejected, RejectReason

SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
TRANSFER_SYNTAX_UID = 0x00020010
AVAILABLE_TRANSFER_SYNTAX_UID = 0x00083002

_UTF_8 = b"ISO_IR 192"
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_VALUE_KEYS = ("Value", "InlineBinary", "BulkDataURI")
_KNOWN_VRS = {vr.value for vr in VR if len(vr.value) == 2}
_ITEM_GROUP = 0xFFFE


@dataclass(frozen=True, slots=True)
class BulkReference:
    """A value that is elsewhere."""

    uri: str


@dataclass(frozen=True, slots=True)
class JsonElement:
    """One element: its value encoded in little endian without padding, or where it is, or its items."""

    tag: int
    vr: str
    value: "bytes | BulkReference | tuple[Elements, ...]"


Elements = tuple[JsonElement, ...]
"""A data set, by rising tag."""


@dataclass(frozen=True)
class JsonDataSet:
    """The data set of one instance.

    Attributes
    ----------
    sop_class_uid, sop_instance_uid
        Empty if it has none that could be one.
    declared_transfer_syntax_uid
        What it says of itself by (0002,0010) or else (0008,3002); empty if it says nothing.
    """

    elements: Elements
    sop_class_uid: str
    sop_instance_uid: str
    declared_transfer_syntax_uid: str

    def text_of(self, tag: int) -> str:
        """The value of an element at the outermost level, as text; empty if it is not there."""
        return next((_text(element) for element in self.elements if element.tag == tag), "")


def read_json_data_set(attributes: object) -> JsonDataSet:
    """Read one data set, and encode what it has.

    pydicom's `Dataset.from_json` refuses strings that break their VR, logs
    values and fails in many ways; nothing of an instance is to be lost for a
    bad string, so values are encoded here.

    Text is in UTF-8, as Specific Character Set then says. Elements of the
    groups below 0008 and group lengths have no place in it and are left out,
    F.2.2.

    Raises
    ------
    Rejected
        `NOT_DICOM`, with the UIDs of the instance and the tag at fault.
    """
    found = attributes if isinstance(attributes, dict) else {}
    sop_class_uid, sop_instance_uid = (_uid(found, tag) for tag in (SOP_CLASS_UID, SOP_INSTANCE_UID))
    try:
        elements = _data_set(attributes, depth=0)
    except BrokenValueError as error:
        raise Rejected(
            RejectReason.NOT_DICOM,
            f"The metadata cannot be read: {error}.",
            sop_class_uid=sop_class_uid,
            sop_instance_uid=sop_instance_uid,
        ) from error
    declared = (_uid(found, tag) for tag in (TRANSFER_SYNTAX_UID, AVAILABLE_TRANSFER_SYNTAX_UID))
    return JsonDataSet(elements, sop_class_uid, sop_instance_uid, next((uid for uid in declared if uid), ""))


def _uid(attributes: Mapping[str, Any], tag: int) -> str:
    attribute = attributes.get(f"{tag:08X}", attributes.get(f"{tag:08x}"))
    values = attribute.get("Value") if isinstance(attribute, dict) else None
    try:
        return check_uid("", values[0].strip(" \0")) if isinstance(values, list) and values else ""
    except (Rejected, AttributeError):  # the store names what is wrong with it
        return ""


def _data_set(attributes: object, *, depth: int) -> Elements:
    if not isinstance(attributes, dict):
        raise BrokenValueError("a data set in it is not an object")
    elements: dict[int, JsonElement] = {}
    for key, attribute in attributes.items():
        if not _TAG.fullmatch(key):
            raise BrokenValueError("a key in it is not a tag of eight hexadecimal digits")
        tag = int(key, 16)
        if tag >> 16 == _ITEM_GROUP:
            raise BrokenValueError("it has an element of group FFFE, which is for items")
        if tag >> 16 < 0x0008 or not tag & 0xFFFF:
            continue
        try:
            elements[tag] = _element(tag, attribute, depth=depth)
        except _NestedError:
            raise
        except BrokenValueError as error:
            raise _NestedError(f"({tag >> 16:04X},{tag & 0xFFFF:04X}) is broken, {error}") from error
    if not depth or SPECIFIC_CHARACTER_SET in elements:
        elements[SPECIFIC_CHARACTER_SET] = JsonElement(SPECIFIC_CHARACTER_SET, VR.CS.value, _UTF_8)
    return tuple(elements[tag] for tag in sorted(elements))


class _NestedError(BrokenValueError):
    """Names its tag already."""


def _element(tag: int, attribute: object, *, depth: int) -> JsonElement:
    if not isinstance(attribute, dict):
        raise BrokenValueError("it is not an object")
    vr = _vr(tag, attribute)
    keys = [key for key in _VALUE_KEYS if attribute.get(key) is not None]
    if len(keys) > 1:
        raise BrokenValueError("it has more than one of Value, InlineBinary and BulkDataURI")
    if not keys:
        return JsonElement(tag, vr, () if vr == VR.SQ else b"")
    value = attribute[keys[0]]
    if keys[0] == "Value":
        return JsonElement(tag, vr, _values(tag, vr, value, depth=depth))
    # PS3.18 Section F.4 shows a string in a list, Table F.3.1-1 the string
    text = value[0] if isinstance(value, list) and len(value) == 1 else value
    if not isinstance(text, str) or vr == VR.SQ:
        raise BrokenValueError(f"its {keys[0]} is not a string, or it is a sequence")
    if not text and keys[0] == "BulkDataURI":
        raise BrokenValueError("its BulkDataURI is empty")
    return JsonElement(tag, vr, BulkReference(text) if keys[0] == "BulkDataURI" else _inline(text))


def _vr(tag: int, attribute: Mapping[str, Any]) -> str:
    vr = attribute.get("vr")
    if vr is None:
        try:
            vr = dictionary_VR(tag)
        except KeyError:
            vr = VR.UN.value
    if not isinstance(vr, str) or vr not in _KNOWN_VRS:
        raise BrokenValueError("its vr is none of PS3.5 Section 6.2")
    return str(vr)


def _values(tag: int, vr: str, values: object, *, depth: int) -> "bytes | tuple[Elements, ...]":
    if not isinstance(values, list):
        raise BrokenValueError("its Value is not an array")
    if vr == VR.SQ:
        if depth >= MAX_DEPTH:
            raise BrokenValueError(f"its sequences are nested deeper than {MAX_DEPTH}")
        return tuple(_data_set({} if item is None else item, depth=depth + 1) for item in values)
    if vr in BYTES_VR:
        if values:
            raise BrokenValueError(f"a value of VR {vr} is given as InlineBinary or BulkDataURI")
        return b""
    return value_field(tag, vr, values)


def _inline(text: str) -> bytes:
    try:
        return b64decode("".join(text.split()), validate=True)
    except ValueError as error:
        raise BrokenValueError("its InlineBinary is not in base64") from error


def _text(element: JsonElement) -> str:
    return element.value.decode("utf-8", "replace").strip(" \0") if isinstance(element.value, bytes) else ""
