"""The Value Field of an element, made from DICOM JSON values; PS3.5 Section 6.2, PS3.18 Section F.2.3."""

import math
import re
from collections.abc import Sequence
from struct import error as struct_error
from struct import pack
from typing import Any

from pydicom.valuerep import VR, format_number_as_ds

PERSON_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")

_PACKED_AS = {
    VR.FD: "d",
    VR.FL: "f",
    VR.SL: "l",
    VR.SS: "h",
    VR.SV: "q",
    VR.UL: "L",
    VR.US: "H",
    VR.UV: "Q",
}
_NUMBERS_AS_TEXT = {VR.DS, VR.IS}
_FLOATS = {VR.FD, VR.FL}
_LONGEST_NUMBER = 64  # of digits: more are no number of any VR, and take time to read

# The first value is unsigned whatever Pixel Representation says: PS3.3 Section C.11.1.1.
_LOOKUP_TABLE_DESCRIPTORS = {0x00281101, 0x00281102, 0x00281103, 0x00283002}


class BrokenValueError(ValueError):
    """JSON that makes no value of the VR; the message says what is wrong, without the value."""


def value_field(tag: int, vr: str, values: Sequence[Any]) -> bytes:
    """Encode the values of an element in little endian and UTF-8, without padding.

    A string is written as it is, also where it breaks its VR: an image is not
    lost for it.

    Parameters
    ----------
    vr
        Any but those of binary values and sequences.
    values
        As JSON has them; None for an empty one.

    Raises
    ------
    BrokenValueError
        If a value has the wrong type or is out of range.
    """
    if vr in _PACKED_AS:
        packed = bytearray()
        for index, value in enumerate(_present(values)):
            packed += _packed(tag, VR(vr), index, value)
        return bytes(packed)
    if vr == VR.AT:
        return b"".join(_attribute_tag(value) for value in _present(values))
    to_text = _person_name if vr == VR.PN else _number_text if vr in _NUMBERS_AS_TEXT else _text
    return "\\".join(to_text(value) for value in values).encode("utf-8", "replace")  # a lone surrogate becomes "?"


def _present(values: Sequence[Any]) -> Sequence[Any]:
    """Binary numbers cannot be empty one by one."""
    if all(value is None for value in values):
        return ()
    if None in values:
        raise BrokenValueError("one of its numbers is null")
    return values


def _text(value: Any) -> str:  # noqa: ANN401 - whatever JSON can say
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BrokenValueError("a value of it is not a string")
    return value


def _person_name(value: Any) -> str:  # noqa: ANN401 - whatever JSON can say
    if not isinstance(value, dict):
        return _text(value)  # some senders give the whole name as one string
    return "=".join(_text(value.get(group)) for group in PERSON_NAME_GROUPS).rstrip("=")


def _number_text(value: Any) -> str:  # noqa: ANN401 - whatever JSON can say
    if value is None or isinstance(value, str):
        return _text(value)
    number = _number(value)
    if isinstance(number, int):
        return str(number)
    if not math.isfinite(number):
        raise BrokenValueError("a number of it is not finite")
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else format_number_as_ds(number)


def _packed(tag: int, vr: VR, index: int, value: Any) -> bytes:  # noqa: ANN401 - whatever JSON can say
    number = _number(value)
    if vr not in _FLOATS:
        if isinstance(number, float) and not number.is_integer():
            raise BrokenValueError("a number of it is no integer")
        number = int(number)
    is_unsigned_whatever = vr == VR.SS and index == 0 and tag in _LOOKUP_TABLE_DESCRIPTORS and number >= 0
    try:
        return pack("<" + _PACKED_AS[VR.US if is_unsigned_whatever else vr], number)
    except (struct_error, OverflowError) as error:
        raise BrokenValueError(f"a number of it is out of the range of {vr.value}") from error


def _number(value: Any) -> float:  # noqa: ANN401 - whatever JSON can say
    """A number; from a string too, as SV and UV may have it and XML always has it."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER:
        for kind in (int, float):
            try:
                return kind(value)
            except ValueError:
                continue
    raise BrokenValueError("a value of it is no number")


def _attribute_tag(value: Any) -> bytes:  # noqa: ANN401 - whatever JSON can say
    if not isinstance(value, str) or not re.fullmatch(r"[0-9A-Fa-f]{8}", value):
        raise BrokenValueError("a value of it is not a tag of eight hexadecimal digits")
    return pack("<HH", int(value[:4], 16), int(value[4:], 16))
