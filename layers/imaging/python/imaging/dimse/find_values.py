"""What workstations mean by the values they search with; PS3.4 Section C.2.2.2.

They send the forms that people fill in: an empty field comes as its delimiters, a code in whatever case it was typed.
"""

import re

from pydicom.valuerep import VR

_ONE_VALUE = {VR.LT, VR.ST, VR.UR, VR.UT}  # in which a backslash is a character
_RANGES = {VR.DA, VR.DT, VR.TM}
# yyyy.mm.dd and hh:mm:ss of ACR-NEMA 300, which PS3.5 Section 6.2 mentions and no longer allows
_DOTS_OF_A_DATE = re.compile(r"\b([0-9]{4})\.([0-9]{2})\.([0-9]{2})\b")
_COLON_OF_A_TIME = re.compile(r"(?<=[0-9]{2}):(?=[0-9]{2})")


def as_meant(value: str, vr: str) -> str:
    """Write a value of an Identifier as the standard does; "" for Universal Matching.

    Names without a letter and ranges without an end say nothing, nor do empty
    values of a list. Codes are in capitals, dates and times without delimiters.
    """
    if vr in _ONE_VALUE:
        return value
    return "\\".join(filter(None, (_as_meant(one.strip(), vr) for one in value.split("\\"))))


def _as_meant(value: str, vr: str) -> str:
    if (vr == VR.PN and not value.strip("^= ")) or (vr in _RANGES and not value.strip("- ")):
        return ""
    if vr == VR.CS:
        return value.upper()
    if vr == VR.DA:
        return _DOTS_OF_A_DATE.sub(r"\1\2\3", value)
    return _COLON_OF_A_TIME.sub("", value) if vr == VR.TM else value
