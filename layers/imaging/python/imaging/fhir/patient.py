"""The Patient of a study, and how an existing one is kept up to date."""

import re
from copy import deepcopy
from urllib.parse import quote
from uuid import UUID

from imaging.dicom.attributes import text
from imaging.errors import Rejected, RejectReason
from imaging.fhir.comparison import differs
from imaging.fhir.identity import patient_id
from imaging.fhir.person_name import human_name
from imaging.fhir.primitives import Resource, is_string, partial_date, present
from imaging.model.instance import DicomJson
from imaging.model.links import Links
from imaging.settings import Space

_PATIENT_NAME, _PATIENT_ID, _ISSUER_OF_PATIENT_ID = "00100010", "00100020", "00100021"
_PATIENT_BIRTH_DATE, _PATIENT_SEX = "00100030", "00100040"

_GENDERS = {"M": "male", "F": "female", "O": "other"}  # PS3.3 C.7.1.1, Patient's Sex
_URI = re.compile(r"(?:https?://|urn:[a-z0-9-]+:)[A-Za-z0-9:/?#\[\]@!$&'()*+,;=._~%-]+\Z")  # RFC 3986, RFC 8141
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+\Z")


def patient(attributes: DicomJson, space: Space, links: Links) -> Resource:
    """Map the patient attributes of a revision.

    Raises
    ------
    Rejected
        As `identifier`.
    """
    named = identifier(attributes, space, links)
    return present(
        resourceType="Patient",
        id=patient_id(named["system"], named["value"]),
        identifier=[named],
        name=names(attributes),
        gender=gender(attributes),
        birthDate=birth_date(attributes),
    )


def identifier(attributes: DicomJson, space: Space, links: Links) -> Resource:
    """Patient ID (0010,0020), under the system of who issued it.

    Raises
    ------
    Rejected
        `MISSING_IDENTIFIER` without a Patient ID. `INVALID_IDENTIFIER` if FHIR
        cannot hold it as it stands: a mended one might be another patient's.
    """
    value = text(attributes, _PATIENT_ID).strip(" ")  # PS3.5 Table 6.2-1, LO: spaces around it do not count
    if not value:
        raise Rejected(
            RejectReason.MISSING_IDENTIFIER,
            "PatientID is missing or empty, so the study has no patient in FHIR; correct it and store the study again.",
        )
    if not is_string(value):
        raise Rejected(
            RejectReason.INVALID_IDENTIFIER,
            "PatientID has characters that FHIR cannot hold; correct it and store the study again.",
        )
    return {"system": identifier_system(attributes, space, links), "value": value}


def identifier_system(attributes: DicomJson, space: Space, links: Links) -> str:
    """Who issued the Patient ID, as a URI.

    Issuer of Patient ID (0010,0021) is free text: a URI, an OID or a UUID
    stands for itself, any other gets a name below the public base address.
    Without an issuer it is what the space is configured with, else a name of
    the space.
    """
    issuer = text(attributes, _ISSUER_OF_PATIENT_ID).strip()
    if not issuer:
        return space.patient_identifier_system or f"{links.space(space.name)}/patient-identifiers"
    if _URI.match(issuer):
        return issuer
    if _OID.match(issuer):
        return f"urn:oid:{issuer}"
    try:
        return UUID(issuer).urn
    except ValueError:
        return f"{links.base_address}/issuers/{quote(issuer, safe='', errors='replace')}/patient-identifiers"


def names(attributes: DicomJson) -> list[Resource]:
    """Patient's Name (0010,0010)."""
    name = human_name(attributes, _PATIENT_NAME)
    return [name] if name else []


def gender(attributes: DicomJson) -> str | None:
    """Patient's Sex (0010,0040); empty says nothing, which is not FHIR's `unknown`."""
    return _GENDERS.get(text(attributes, _PATIENT_SEX).strip())


def birth_date(attributes: DicomJson) -> str | None:
    """Patient's Birth Date (0010,0030), partial ones included."""
    return partial_date(text(attributes, _PATIENT_BIRTH_DATE))


def synchronised(current: Resource | None, ours: Resource) -> Resource:
    """An existing Patient with our usual name and gender; all else is others' to write.

    What the study does not say is left as it stands. The birth date is set
    only when the Patient is made: a registration system knows it better.
    """
    if current is None:
        return ours
    merged = deepcopy(current)
    if not any(_is_same(each, ours["identifier"][0]) for each in merged.get("identifier", [])):
        merged["identifier"] = [*merged.get("identifier", []), *ours["identifier"]]
    if "gender" in ours:
        merged["gender"] = ours["gender"]
    if "name" in ours:
        merged["name"] = _with_usual_name(merged.get("name", []), ours["name"][0])
    return merged


def _is_same(one: Resource, other: Resource) -> bool:
    return (one.get("system"), one.get("value")) == (other["system"], other["value"])


def _with_usual_name(existing: list[Resource], ours: Resource) -> list[Resource]:
    for position, name in enumerate(existing):
        if name.get("use") == "usual":
            kept = name if not differs(name, ours) else ours
            return [*existing[:position], kept, *existing[position + 1 :]]
    return [*existing, ours]
