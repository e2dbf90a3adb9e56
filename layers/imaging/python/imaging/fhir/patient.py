"""The Patient of a study, and how an existing one is kept up to date.

Sources: PS3.3 Table C.7-1 (Patient Module); https://hl7.org/fhir/R4/patient.html
"""

from copy import deepcopy

from imaging.dicom.attributes import Attributes
from imaging.fhir.findings import Findings
from imaging.fhir.identity import patient_id
from imaging.fhir.patient_identifier import identifier, is_same, other_identifiers
from imaging.fhir.person_name import PARTS, human_names, representation_of, spelled
from imaging.fhir.primitives import Resource, partial_date, present
from imaging.model.links import Links
from imaging.settings import Space

_PATIENT_NAME, _PATIENT_BIRTH_DATE, _PATIENT_SEX = "00100010", "00100030", "00100040"

_GENDERS = {"M": "male", "F": "female", "O": "other"}  # PS3.3 C.7.1.1, Patient's Sex


def patient(attributes: Attributes, space: Space, links: Links, findings: Findings) -> Resource:
    """Map the patient attributes of a revision; the first identifier is the one that the id is made of.

    Raises
    ------
    Rejected
        As `imaging.fhir.patient_identifier.identifier`.
    """
    named = identifier(attributes, space, links, findings)
    others = [
        other
        for other in other_identifiers(attributes, space, links, findings)
        if not is_same(other, named) and not is_same(other, {"value": named["value"]})
    ]
    return present(
        resourceType="Patient",
        id=patient_id(named["system"], named["value"]),
        identifier=[named, *others],
        name=human_names(attributes, _PATIENT_NAME, findings),
        gender=gender(attributes, findings),
        birthDate=birth_date(attributes, findings),
    )


def gender(attributes: Attributes, findings: Findings) -> str | None:
    """Patient's Sex (0010,0040); empty says nothing, which is not FHIR's `unknown`."""
    return findings.mapped(attributes, _PATIENT_SEX, lambda sex: _GENDERS.get(sex.strip()))


def birth_date(attributes: Attributes, findings: Findings) -> str | None:
    """Patient's Birth Date (0010,0030), partial ones included."""
    return findings.mapped(attributes, _PATIENT_BIRTH_DATE, partial_date)


def synchronised(current: Resource | None, ours: Resource) -> Resource:
    """An existing Patient with our usual names, gender and identifier; all else is others' to write.

    What the study does not say is left as it stands. The birth date and other
    identifiers are set only when the Patient is made: a registration system
    knows them better, and one that a study had by mistake would make its
    Patient be taken for another.
    """
    if current is None:
        return ours
    merged = deepcopy(current)
    named, there = ours["identifier"][0], merged.get("identifier", [])
    if not any(is_same(named, other) for other in there):
        merged["identifier"] = [*there, named]
    if "gender" in ours:
        merged["gender"] = ours["gender"]
    for name in ours.get("name", []):
        merged["name"] = _with_usual_name(merged.get("name", []), name)
    return merged


def _with_usual_name(existing: list[Resource], ours: Resource) -> list[Resource]:
    """In the place of the usual name in the same representation, or beside the others."""
    for position, name in enumerate(existing):
        if name.get("use") == "usual" and representation_of(name) == representation_of(ours):
            return [*existing[:position], _renamed(name, ours), *existing[position + 1 :]]
    return [*existing, ours]


def _renamed(current: Resource, ours: Resource) -> Resource:
    """With our parts and what else others say of the name, but for what would tell the old one."""
    if spelled(current) == spelled(ours):
        return current
    kept = {name: value for name, value in current.items() if name.removeprefix("_") not in (*PARTS, "text")}
    return {**kept, **{part: ours[part] for part in PARTS if part in ours}}
