"""The values of one element as JSON; PS3.5 Section 6.2 and PS3.18 Section F.2."""

import math
import re
import struct
from collections.abc import Callable
from datetime import date
from typing import Any

from pydicom.dataelem import RawDataElement
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.valuerep import VR, PersonName
from pydicom.values import convert_value

CONVERSION_ERRORS = (
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    AttributeError,
    OSError,
    RuntimeError,  # NotImplementedError for an unknown VR, RecursionError
    struct.error,
    BytesLengthException,
    InvalidDicomError,
)
"""All that pydicom raises where bytes do not make a value of the VR."""

_FREE_TEXT_VRS = {VR.LT, VR.ST, VR.UR, VR.UT}  # one value, whose leading spaces count

_TIME = r"([01]\d|2[0-3])([0-5]\d(([0-5]\d|60)(\.\d{1,6})?)?)?"
_DAY = r"(0[1-9]|[12]\d|3[01])"
_MONTH = r"(0[1-9]|1[0-2])"
_FORMATS = {
    VR.AS: re.compile(r"\d{3}[DWMY]"),
    VR.DA: re.compile(rf"\d{{4}}{_MONTH}{_DAY}"),
    VR.DT: re.compile(rf"\d{{4}}({_MONTH}({_DAY}({_TIME})?)?)?([+-]\d{{4}})?"),
    VR.TM: re.compile(_TIME),
    VR.UI: re.compile(r"[0-9]+(\.[0-9]+)*"),
}


def json_values(element: RawDataElement, vr: str, character_sets: list[str]) -> list[Any]:
    """Convert the values of an element that is neither binary nor a sequence.

    An empty value among others is None, PS3.18 Section F.2.5.

    Raises
    ------
    One of `CONVERSION_ERRORS`
        If the bytes do not make values of this VR.
    """
    if vr in _NUMBER_STRINGS:
        texts = [text.strip(" \0") for text in (element.value or b"").decode("ascii").split("\\")]
        values = [_NUMBER_STRINGS[vr](text) if text else None for text in texts]
    elif vr == VR.AT and len(element.value or b"") % 4:
        raise ValueError(vr)  # pydicom would take what is whole
    else:
        converted = convert_value(vr, element._replace(VR=vr), character_sets)
        several = not isinstance(converted, str | PersonName) and hasattr(converted, "__iter__")
        values = [_json(vr, value) for value in (converted if several else [converted])]
    return values if any(value is not None for value in values) else []


def _json(vr: str, value: Any) -> Any:  # noqa: ANN401 - what pydicom makes of it, what JSON can say
    if value is None:
        return None
    if vr == VR.PN:
        return _person_name(value)
    if vr == VR.AT:
        return f"{value:08X}"
    if isinstance(value, str):
        return _text(vr, value)
    return _finite(value)


def _text(vr: str, value: str) -> str | None:
    text = value.rstrip(" \0") if vr in _FREE_TEXT_VRS else value.strip(" \0")
    if text and vr in _FORMATS and not _FORMATS[VR(vr)].fullmatch(text):
        raise ValueError(vr)
    if text and vr == VR.DA:
        date.fromisoformat(f"{text[:4]}-{text[4:6]}-{text[6:]}")
    return text or None


def _person_name(value: PersonName) -> dict[str, str] | None:
    """The non-empty component groups, PS3.18 Section F.2.2."""
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), value.components, strict=False)
    return {name: text for name, group in groups if (text := group.strip(" \0"))} or None


def _finite(number: float) -> float:
    """JSON has no other numbers."""
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


_NUMBER_STRINGS: dict[str, Callable[[str], float]] = {
    VR.DS: lambda text: _finite(float(text)),
    VR.IS: int,
}
