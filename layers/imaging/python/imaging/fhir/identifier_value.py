"""What a DICOM attribute says that identifies somebody or something."""

from imaging.dicom.attributes import Attributes
from imaging.fhir.primitives import is_string

_TEXT_VRS = frozenset(("AE", "CS", "LO", "LT", "SH", "ST", "UC", "UT"))
LOST = "\N{REPLACEMENT CHARACTER}"
"""In the place of what a character set cannot decode."""


def identifier_value(attributes: Attributes, tag: str) -> str | None:
    """An identifier as it stands, never mended: a mended one might be another's.

    It is one value of a text VR, as a number and the first of several are not
    what was written, and decoded without loss.

    Returns
    -------
    str or None
        "" if nothing is there; None if what is there is no identifier.
    """
    attribute = attributes.get(tag, {})
    values = attribute.get("Value") or []
    if attribute.keys() - {"vr", "Value"}:  # bytes, PS3.18 F.2.6 and F.2.7
        return None
    if all(value in (None, "") for value in values):
        return ""
    (value, *further) = values
    if further or attribute.get("vr") not in _TEXT_VRS or not isinstance(value, str):
        return None
    identifier = value.strip(" ")  # PS3.5 Table 6.2-1, LO and SH: spaces around it do not count
    return identifier if not identifier or (is_string(identifier) and LOST not in identifier) else None
