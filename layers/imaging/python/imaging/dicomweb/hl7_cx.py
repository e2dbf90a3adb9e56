"""A patient's identifier in the text of HL7 V2: data type CX, HL7 V2.5.1 Section 2.A.14."""

import re

from imaging.reading.assigned_patient_id import AssignedPatientId

MAX_CHARACTERS = 255
"""An index key holds no more of a Patient ID."""

UNIVERSAL_ID_TYPES = frozenset(
    ("DNS", "GUID", "HCD", "HL7", "ISO", "L", "M", "N", "RANDOM", "URI", "UUID", "X400", "X500")
)
"""CX.4.3, without regard to case: HL7 table 0301, and URI, which DICOM has besides."""

_ESCAPED = re.compile(r"\\([^\\]*)\\|\\")  # Section 2.7
_ASSIGNING_AUTHORITY = 3  # CX.4, as the list of components counts
_CHARACTERS = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\"}
_HEXADECIMAL = re.compile(r"X(([0-9A-Fa-f]{2})+)\Z")


def parse_cx(cx: str) -> AssignedPatientId | None:
    """Read CX.1, and CX.4 of it, the assigning authority; what else a CX has does not tell who is meant.

    One that has a CX.4 and names nobody in it is not read: it is what an
    address is left with whose "&" nobody encoded, and the number alone may be
    another patient's.

    Returns
    -------
    AssignedPatientId or None
        None if there is no number, or if it cannot be read.
    """
    components = cx.split("^")
    authority = components[_ASSIGNING_AUTHORITY].split("&") if len(components) > _ASSIGNING_AUTHORITY else []
    texts = [_text(part) for part in (components[0], *authority[:3])]
    value, *named = (text.strip(" ") if text is not None else None for text in texts)
    if not value or len(value) > MAX_CHARACTERS or None in named or not value.isprintable():
        return None
    found = AssignedPatientId(value, *(text or "" for text in named))
    return None if len(components) > _ASSIGNING_AUTHORITY and not found.names_authority else found


def _text(escaped: str) -> str | None:
    """The text without its escapes; None if one of them is none of HL7's."""
    text, end = "", 0
    for escape in _ESCAPED.finditer(escaped):
        character = _character(escape[1] or "")
        if character is None:
            return None
        text += escaped[end : escape.start()] + character
        end = escape.end()
    return text + escaped[end:]


def _character(name: str) -> str | None:
    if hexadecimal := _HEXADECIMAL.match(name):
        try:
            return bytes.fromhex(hexadecimal[1]).decode()
        except UnicodeDecodeError:
            return None
    return _CHARACTERS.get(name)
