"""The identifiers of a study.

References
----------
https://hl7.org/fhir/R4/imagingstudy.html#notes
"""

from collections.abc import Sequence

from imaging.dicom.attributes import Attributes, text
from imaging.fhir.findings import Findings
from imaging.fhir.identifier_value import identifier_value
from imaging.fhir.issuer import issuer_system
from imaging.fhir.primitives import Resource, present, string
from imaging.fhir.sequence import first_item, items
from imaging.model.links import Links
from imaging.model.revision import Revision
from imaging.settings import Space

_ACCESSION_NUMBER, _ISSUER_OF_ACCESSION_NUMBER_SEQUENCE = "00080050", "00080051"
_LOCAL_NAMESPACE_ENTITY_ID, _STUDY_ID, _REQUEST_ATTRIBUTES_SEQUENCE = "00400031", "00200010", "00400275"

ACCESSION = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}]}
STUDY_ID = {"text": "Study ID"}


def study_identifiers(revision: Revision, space: Space, links: Links, findings: Findings) -> list[Resource]:
    """Study Instance UID (0020,000D), the accession numbers, and Study ID (0020,0010).

    Whoever looks for the study's number looks for the second, which is why it
    comes before the third: a Study ID is a name that a device makes.
    """
    uid = {"system": "urn:dicom:uid", "value": f"urn:oid:{revision.study.study_instance_uid}"}
    study_id = _unmended(revision.attributes, _STUDY_ID, findings)
    return [
        uid,
        *accession_identifiers(revision, space, links, findings),
        *([{"use": "secondary", "type": STUDY_ID, "value": study_id}] if study_id else []),
    ]


def accession_identifiers(revision: Revision, space: Space, links: Links, findings: Findings) -> list[Resource]:
    """Accession Number (0008,0050) of the study and of each request that it answers, each once.

    A study that answers several requests has none of its own; they stand in
    Request Attributes Sequence (0040,0275) of its series: PS3.3 Section
    C.7.2.1, and IHE Scheduled Workflow's Group Case.
    """
    requests = [
        request for series in revision.series for request in items(series.attributes, _REQUEST_ATTRIBUTES_SEQUENCE)
    ]
    found: list[Resource] = []
    for attributes in (revision.attributes, *requests):
        identifier = _accession(attributes, space, links, findings)
        if identifier and identifier not in found:
            found.append(identifier)
    return [each for each in found if "system" in each or not _is_issued(each["value"], found)]


def _accession(attributes: Attributes, space: Space, links: Links, findings: Findings) -> Resource | None:
    value = _unmended(attributes, _ACCESSION_NUMBER, findings)
    if value is None:
        return None
    issuer = first_item(attributes, _ISSUER_OF_ACCESSION_NUMBER_SEQUENCE) or {}
    system = issuer_system("", issuer, space, links, "accession-numbers")
    if issuer and system is None:
        findings.invalid(_ISSUER_OF_ACCESSION_NUMBER_SEQUENCE)
    assigner = present(display=string(text(issuer, _LOCAL_NAMESPACE_ENTITY_ID)))
    return present(type=ACCESSION, system=system, value=value, assigner=assigner)


def _is_issued(value: str, identifiers: Sequence[Resource]) -> bool:
    """Whether one of the identifiers with this value tells who issued it."""
    return any(each["value"] == value and "system" in each for each in identifiers)


def _unmended(attributes: Attributes, tag: str, findings: Findings) -> str | None:
    value = identifier_value(attributes, tag)
    if value is None:
        findings.invalid(tag)
    return value or None
