"""FHIR's primitive types from DICOM's text; what FHIR cannot hold gives None.

References
----------
https://hl7.org/fhir/R4/datatypes.html#primitive
"""

import re
import unicodedata
from datetime import date
from typing import Any, TypeAlias

Resource: TypeAlias = dict[str, Any]
"""A FHIR resource, or an element of one, as JSON has it."""

MAX_STRING_LENGTH = 1024 * 1024  # characters: datatypes.html#string
MAX_UNSIGNED_INT = 2**31 - 1  # datatypes.html#unsignedInt

# PS3.5 Table 6.2-1, DA; with the dots that its note asks to accept, and the partial dates that devices write.
_DATE = re.compile(r"([0-9]{4})(?:\.?([0-9]{2})(?:\.?([0-9]{2}))?)?\Z")
# PS3.5 Table 6.2-1, TM, from minutes on; with the colons of its note.
_TIME = re.compile(r"([01][0-9]|2[0-3]):?([0-5][0-9]):?([0-5][0-9](?:\.[0-9]{1,6})?)?\Z")
# PS3.3 Table C.12-1, from -1200 to +1400.
_OFFSET = re.compile(r"([+-])(0[0-9]|1[0-3])([0-5][0-9])\Z|(\+)(14)(00)\Z")
_URI = re.compile(r"(?:https?://|urn:[a-z0-9-]+:)[A-Za-z0-9:/?#\[\]@!$&'()*+,;=._~%-]+\Z")  # RFC 3986, RFC 8141
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+\Z")
_CODE_STRING = re.compile(r"[A-Z0-9_]+(?: [A-Z0-9_]+)*\Z")  # PS3.5 Table 6.2-1, CS, with single spaces only


def present(**elements: Any) -> Resource:  # noqa: ANN401 - an element is whatever JSON can hold
    """Keep the elements that have a value: FHIR knows no empty string, list or object."""
    return {name: value for name, value in elements.items() if value not in (None, "", [], {})}


def string(value: str) -> str | None:
    """Text without the characters that a FHIR string must not have, cut at the longest one allowed."""
    allowed = "".join(character for character in value if _is_allowed(character))
    return allowed.strip()[:MAX_STRING_LENGTH].rstrip() or None


def is_string(value: str) -> bool:
    """Whether `value` is a FHIR string as it stands."""
    return string(value) == value


def is_uri(value: str) -> bool:
    """Whether `value` is a web address or a URN, such as FHIR names systems by."""
    return bool(_URI.match(value))


def is_oid(value: str) -> bool:
    """Whether `value` can stand behind ``urn:oid:``; datatypes.html#oid."""
    return bool(_OID.match(value))


def code_string(value: str) -> str | None:
    """A DICOM Code String as a FHIR code; at most 16 characters."""
    text = value.strip()
    return text if len(text) <= 16 and _CODE_STRING.match(text) else None


def unsigned_int(value: str) -> int | None:
    """An Integer String that is not negative; FHIR's numbers of series and instances cannot be."""
    digits = value.strip().removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 12):  # PS3.5 Table 6.2-1, IS
        return None
    number = int(digits)
    return number if number <= MAX_UNSIGNED_INT else None


def partial_date(value: str) -> str | None:
    """A Date as FHIR's date: ``19700131``, and ``197001``, ``19700100`` or ``1970`` where no more is known."""
    match = _DATE.match(value.strip())
    if not match:
        return None
    year, month, day = match.groups(default="00")
    try:
        date(int(year), int(month) or 1, int(day) or 1)
    except ValueError:
        return None
    if month == "00":
        return year if day == "00" else None
    return f"{year}-{month}" if day == "00" else f"{year}-{month}-{day}"


def date_time(da: str, tm: str, timezone_offset_from_utc: str) -> str | None:
    """A Date and a Time as FHIR's dateTime, as precise as both formats allow.

    FHIR wants an offset with every time (datatypes.html#dateTime), and
    minutes with every hour: without them the date goes alone.

    Parameters
    ----------
    timezone_offset_from_utc
        ``+0900``; PS3.3 Table C.12-1.
    """
    day = partial_date(da)
    time, offset = _TIME.match(tm.strip()), _OFFSET.match(timezone_offset_from_utc.strip())
    if day is None or len(day) < len("YYYY-MM-DD") or time is None or offset is None:
        return day
    hours, minutes, seconds = time.groups(default="00")
    sign, *zone = (group for group in offset.groups() if group)
    if zone == ["00", "00"]:
        sign = "+"
    return f"{day}T{hours}:{minutes}:{seconds}{sign}{':'.join(zone)}"


def _is_allowed(character: str) -> bool:
    # Below 32 only tab, line feed and carriage return (datatypes.html#string); a lone surrogate is not Unicode text.
    return character in "\t\r\n" or unicodedata.category(character) not in ("Cc", "Cs")
