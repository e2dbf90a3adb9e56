"""References to people: DICOM gives names and at best an identifier, never which Practitioner it is."""

from itertools import zip_longest

from imaging.dicom.attributes import Attributes, text
from imaging.fhir.coded_concept import system_and_code
from imaging.fhir.coding_schemes import CodingSchemes
from imaging.fhir.findings import Findings
from imaging.fhir.person_name import display_name
from imaging.fhir.primitives import Resource, present, string
from imaging.fhir.sequence import items

_PERSON_IDENTIFICATION_CODE_SEQUENCE, _INSTITUTION_NAME, _CODE_MEANING = "00401101", "00080080", "00080104"


def person_references(
    attributes: Attributes, names: str, identifications: str, schemes: CodingSchemes, findings: Findings
) -> list[Resource]:
    """The people whom a Person Name (PN) attribute names.

    Parameters
    ----------
    identifications
        The sequence of the Person Identification Macro, PS3.3 Table 10-1, that
        goes with the names: as many items as there are names, in their order.
        It is left out, and noted, where they are not as many.
    """
    shown = _names(attributes, names, findings)
    identified = items(attributes, identifications)
    if shown and identified and len(shown) != len(identified):
        findings.invalid(identifications)
        identified = []
    people = []
    for name, item in zip_longest(shown, identified):
        identifier = None if item is None else _identifier(item, schemes)
        if item is not None and not identifier:
            findings.invalid(identifications)
        people.append(present(identifier=identifier, display=name or (None if item is None else _meaning(item))))
    return [person for person in people if person]


def _names(attributes: Attributes, tag: str, findings: Findings) -> list[str | None]:
    """Each name as it is spoken, None for one that is empty or that FHIR cannot hold."""
    shown = []
    for value in attributes.get(tag, {}).get("Value") or []:
        name = display_name({tag: {"vr": "PN", "Value": [value]}}, tag)
        if not name and isinstance(value, dict) and any(str(group).strip("^= ") for group in value.values()):
            findings.invalid(tag)
        shown.append(name)
    return shown


def _identifier(item: Attributes, schemes: CodingSchemes) -> Resource | None:
    """The first of Person Identification Code Sequence (0040,1101) that has a value."""
    institution = string(text(item, _INSTITUTION_NAME))
    for coded in items(item, _PERSON_IDENTIFICATION_CODE_SEQUENCE):
        system, value = system_and_code(coded, schemes)
        if value:
            return present(system=system, value=value, assigner=present(display=institution))
    return None


def _meaning(item: Attributes) -> str | None:
    """Code Meaning (0008,0104): the name of the person, PS3.3 Table 10-1."""
    meanings = (string(text(coded, _CODE_MEANING)) for coded in items(item, _PERSON_IDENTIFICATION_CODE_SEQUENCE))
    return next((meaning for meaning in meanings if meaning), None)
