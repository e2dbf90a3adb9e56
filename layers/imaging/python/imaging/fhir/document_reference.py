"""DocumentReference: the reports of a study, and what else is a document in it.

References
----------
https://hl7.org/fhir/R4/documentreference.html; PS3.3 Sections C.17.2 (SR
Document General Module) and C.24.2 (Encapsulated Document Module).
"""

import re
from collections.abc import Callable
from urllib.parse import urlencode
from uuid import UUID

from pydicom.uid import EncapsulatedCDAStorage, EncapsulatedPDFStorage, KeyObjectSelectionDocumentStorage

from imaging.dicom.attributes import Attributes
from imaging.fhir.coded_concept import codeable_concepts
from imaging.fhir.coding_schemes import coding_schemes
from imaging.fhir.findings import Findings
from imaging.fhir.identity import document_reference_id
from imaging.fhir.primitives import Resource, is_oid, is_string, present, string
from imaging.fhir.started import offset_from_utc, started
from imaging.model.identifiers import InstanceKey
from imaging.model.links import Links
from imaging.model.revision import Revision, RevisionInstance

_CONTENT_DATE, _CONTENT_TIME = "00080023", "00080033"
_CONCEPT_NAME_CODE_SEQUENCE, _DOCUMENT_TITLE, _MIME_TYPE = "0040A043", "00420010", "00420012"
_COMPLETION_FLAG, _VERIFICATION_FLAG, _PRELIMINARY_FLAG = "0040A491", "0040A493", "0040A496"
_ENCAPSULATED_DOCUMENT, _HL7_INSTANCE_IDENTIFIER = "00420011", "0040E001"

ELEMENTS = (
    "masterIdentifier",
    "identifier",
    "status",
    "docStatus",
    "type",
    "subject",
    "date",
    "description",
    "content",
    "context",
)

_STRUCTURED_REPORTS = "1.2.840.10008.5.1.4.1.1.88."  # PS3.4 Table B.5-1: every SR Storage SOP Class and no other
_ENCAPSULATED = frozenset({EncapsulatedPDFStorage, EncapsulatedCDAStorage})
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,99}/[\w.+-]{1,99}\Z", re.ASCII)
_FLAGS = {
    _COMPLETION_FLAG: ("COMPLETE", "PARTIAL"),
    _VERIFICATION_FLAG: ("VERIFIED", "UNVERIFIED"),
    _PRELIMINARY_FLAG: ("FINAL", "PRELIMINARY"),
}


def document_references(
    revision: Revision, *, study: Resource, subject: Resource, links: Links, findings: Findings
) -> list[Resource]:
    """One for each SR document and each encapsulated PDF or CDA; a Key Object Selection points out and says nothing.

    Parameters
    ----------
    study, subject
        References to the ImagingStudy and the Patient.
    """
    schemes = coding_schemes(revision)
    found = []
    for series in revision.series:
        for instance in series.instances:
            if not is_document(instance.sop_class_uid):
                continue
            key = revision.key_of(series.series_instance_uid, instance.sop_instance_uid)
            offset = offset_from_utc(instance.attributes, findings)
            created = started(instance.attributes, _CONTENT_DATE, _CONTENT_TIME, offset, findings)
            kinds = codeable_concepts(instance.attributes, _CONCEPT_NAME_CODE_SEQUENCE, schemes, findings)
            found.append(
                present(
                    resourceType="DocumentReference",
                    id=document_reference_id(key),
                    meta={"source": links.space(key.space)},
                    # https://hl7.org/fhir/R4/identifier-registry.html, DICOM Unique Id
                    masterIdentifier={"system": "urn:dicom:uid", "value": f"urn:oid:{key.sop_instance_uid}"},
                    identifier=identifiers(instance.attributes, findings),
                    status="current",
                    docStatus=document_status(instance.attributes, findings),
                    type=kinds[0] if kinds else None,
                    subject=subject,
                    # An instant; Composition.date in FHIR's own mapping, when what is told was written.
                    date=created if created and "T" in created else None,
                    description=title(instance.attributes, findings),
                    content=[{"attachment": attachment(instance, key, created, links, findings)}],
                    context={"related": [study]},
                )
            )
    return found


def is_document(sop_class_uid: str) -> bool:
    """Whether instances of the SOP class are documents for people."""
    return sop_class_uid in _ENCAPSULATED or (
        sop_class_uid.startswith(_STRUCTURED_REPORTS) and sop_class_uid != KeyObjectSelectionDocumentStorage
    )


def identifiers(attributes: Attributes, findings: Findings) -> list[Resource]:
    """HL7 Instance Identifier (0040,E001): ``root`` or ``root^extension``, PS3.3 C.24.2.

    As https://hl7.org/fhir/R4/datatypes-mappings.html has the data type II.
    """
    identifier = findings.mapped(attributes, _HL7_INSTANCE_IDENTIFIER, _instance_identifier)
    return [identifier] if identifier else []


def document_status(attributes: Attributes, findings: Findings) -> str | None:
    """Completion (0040,A491), Verification (0040,A493) and Preliminary Flag (0040,A496).

    FHIR's `final` is complete and verified by a person (composition-status);
    a document of which nothing is stated, as of many encapsulated ones, has none.
    """
    stated = {findings.mapped(attributes, tag, _one_of(values)) for tag, values in _FLAGS.items()}
    if "VERIFIED" in stated and not stated & {"PARTIAL", "PRELIMINARY"}:
        return "final"
    return "preliminary" if stated - {None} else None


def title(attributes: Attributes, findings: Findings) -> str | None:
    """Document Title (0042,0010)."""
    return findings.mapped(attributes, _DOCUMENT_TITLE, string)


def attachment(
    instance: RevisionInstance, key: InstanceKey, created: str | None, links: Links, findings: Findings
) -> Resource:
    """The document as a client gets it that asks for nothing in particular.

    An encapsulated one is a bulk value, PS3.18 Section 10.4.1.1.5. An SR is
    the DICOM file by the URI service (Section 9), as WADO-RS answers in parts.
    """
    if instance.sop_class_uid in _ENCAPSULATED:
        media_type = findings.mapped(instance.attributes, _MIME_TYPE, _media_type)
        address = f"{links.instance(key)}/bulkdata/{_ENCAPSULATED_DOCUMENT}"
    else:
        media_type = "application/dicom"
        address = f"{links.space(key.space)}/wado?{_wado_query(key)}"
    return present(
        # Without a type of its own the value is sent as bytes.
        contentType=media_type or "application/octet-stream",
        url=address,
        title=title(instance.attributes, findings),
        creation=created,
    )


def _wado_query(key: InstanceKey) -> str:
    return urlencode(
        {
            "requestType": "WADO",
            "studyUID": key.study_instance_uid,
            "seriesUID": key.series_instance_uid,
            "objectUID": key.sop_instance_uid,
            "contentType": "application/dicom",
        },
        safe="/",
    )


def _one_of(values: tuple[str, ...]) -> Callable[[str], str | None]:
    return lambda stated: stated.strip() if stated.strip() in values else None


def _media_type(value: str) -> str | None:
    stated = value.strip().lower()
    return stated if _MEDIA_TYPE.match(stated) else None


def _instance_identifier(value: str) -> Resource | None:
    root, caret, extension = value.strip().partition("^")
    uri = _root(root)
    if uri is None or (caret and not is_string(extension)):
        return None
    return {"system": uri, "value": extension} if caret else {"system": "urn:ietf:rfc:3986", "value": uri}


def _root(value: str) -> str | None:
    if is_oid(value):
        return f"urn:oid:{value}"
    try:
        return UUID(value).urn
    except ValueError:
        return None
