"""The identifiers of a Patient; PS3.3 Table C.7-1 and Issuer of Patient ID Macro, Table 10-18."""

from imaging.dicom.attributes import Attributes, text
from imaging.errors import Rejected, RejectReason
from imaging.fhir.findings import Findings
from imaging.fhir.identifier_value import identifier_value
from imaging.fhir.issuer import issuer_system
from imaging.fhir.primitives import Resource, code_string, present
from imaging.fhir.sequence import first_item, items
from imaging.model.links import Links
from imaging.settings import Space

_PATIENT_ID, _ISSUER_OF_PATIENT_ID, _TYPE_OF_PATIENT_ID = "00100020", "00100021", "00100022"
_ISSUER_OF_PATIENT_ID_QUALIFIERS, _IDENTIFIER_TYPE_CODE = "00100024", "00400035"
_OTHER_PATIENT_IDS = "00101002"

_NOT_ITS_OWN = ("secondary", "old")
_IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"
# Of its codes those of people and animals: https://hl7.org/fhir/R4/v2/0203/index.html
_IDENTIFIER_TYPES = frozenset(
    (
        *("AN", "ANON", "ANT", "BR", "BRN", "CZ", "DL", "DP", "DR", "HC", "IND", "JHN", "LR", "MA", "MB", "MC", "MCN"),
        *("MI", "MR", "MRT", "NH", "NI", "PC", "PCN", "PE", "PEN", "PI", "PN", "PNT", "PPN", "PRC", "PT", "RR", "RRI"),
        *("SB", "SN", "SR", "SS", "TAX", "TN", "TPR", "U", "VN", "VS", "WC"),
    )
)


def identifier(attributes: Attributes, space: Space, links: Links, findings: Findings) -> Resource:
    """Patient ID (0010,0020), under the system of who issued it.

    Without an issuer that is what the space is configured with, else a name of
    the space.

    Raises
    ------
    Rejected
        `MISSING_IDENTIFIER` without a Patient ID. `INVALID_IDENTIFIER` if it
        is none as it stands: a mended one might be another patient's.
    """
    value = identifier_value(attributes, _PATIENT_ID)
    if value == "":
        raise Rejected(
            RejectReason.MISSING_IDENTIFIER,
            "PatientID is missing, empty or far too long, so the study has no patient in FHIR; "
            "correct it and store the study again.",
        )
    if value is None:
        raise Rejected(
            RejectReason.INVALID_IDENTIFIER,
            "PatientID has several values, another VR than a text's, or characters that its character set or FHIR "
            "cannot hold; correct it and store the study again.",
        )
    of_space = space.patient_identifier_system or f"{links.space(space.name)}/patient-identifiers"
    return present(
        type=_type(attributes, findings, _TYPE_OF_PATIENT_ID, _ISSUER_OF_PATIENT_ID_QUALIFIERS),
        system=_system(attributes, space, links) or of_space,
        value=value,
    )


def other_identifiers(attributes: Attributes, space: Space, links: Links, findings: Findings) -> list[Resource]:
    """Other Patient IDs Sequence (0010,1002), each once, without those that say nothing.

    They are secondary, since the study is not told under them. One without an
    issuer has no system: that of the space would make it the identifier of
    whoever has this number there.
    """
    found: list[Resource] = []
    for item in items(attributes, _OTHER_PATIENT_IDS):
        value = identifier_value(item, _PATIENT_ID)
        if not value:
            if value is None:
                findings.invalid(_OTHER_PATIENT_IDS)
            continue
        kind = _type(item, findings, _OTHER_PATIENT_IDS, _OTHER_PATIENT_IDS)
        other = present(use="secondary", type=kind, system=_system(item, space, links), value=value)
        if not any(is_same(other, each) for each in found):
            found.append(other)
    return found


def is_same(one: Resource, other: Resource) -> bool:
    """Whether two identifiers identify the same, however they are described."""
    return (one.get("system"), one.get("value")) == (other.get("system"), other.get("value"))


def identifies(identifier: Resource, patient: Resource) -> bool:
    """Whether a Patient bears an identifier as its own.

    One that is secondary, or old, may be another's by now: a typing error, the
    mother's, one that was given anew (https://hl7.org/fhir/R4/valueset-identifier-use.html).
    """
    return any(
        is_same(each, identifier) and each.get("use") not in _NOT_ITS_OWN for each in patient.get("identifier", [])
    )


def _system(attributes: Attributes, space: Space, links: Links) -> str | None:
    qualifiers = first_item(attributes, _ISSUER_OF_PATIENT_ID_QUALIFIERS)
    return issuer_system(text(attributes, _ISSUER_OF_PATIENT_ID), qualifiers, space, links)


def _type(attributes: Attributes, findings: Findings, of_text: str, of_code: str) -> Resource | None:
    """Identifier Type Code (0040,0035), and Type of Patient ID (0010,0022) unless it is typed text.

    Parameters
    ----------
    of_text, of_code
        Under which tags what cannot be mapped is noted.
    """
    code = text(first_item(attributes, _ISSUER_OF_PATIENT_ID_QUALIFIERS) or {}, _IDENTIFIER_TYPE_CODE).strip()
    if code and code not in _IDENTIFIER_TYPES:
        findings.invalid(of_code)
        code = ""
    stated = text(attributes, _TYPE_OF_PATIENT_ID).strip()
    carrier = code_string(stated)
    if stated and not carrier:
        findings.invalid(of_text)
    coding = [{"system": _IDENTIFIER_TYPE, "code": code}] if code else []
    return present(coding=coding, text=None if carrier == "TEXT" else carrier) or None
