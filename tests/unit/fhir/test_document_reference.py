from functools import partial
from urllib.parse import parse_qs, urlsplit

import pytest
from pydicom.uid import (
    BasicTextSRStorage,
    EncapsulatedCDAStorage,
    EncapsulatedPDFStorage,
    EncapsulatedSTLStorage,
    KeyObjectSelectionDocumentStorage,
    MRImageStorage,
    XRayRadiationDoseSRStorage,
)

from imaging.fhir.document_reference import ELEMENTS, document_references, is_document
from imaging.fhir.findings import Findings
from imaging.fhir.identity import document_reference_id
from imaging.fhir.validation import checked
from imaging.model.identifiers import InstanceKey
from tests.unit.fhir.samples import LINKS, attributes, instance, revision, series

STUDY = {"reference": "ImagingStudy/1"}
SUBJECT = {"reference": "Patient/1"}
ROOT = "https://imaging.example.org/spaces/main"
RADIOLOGY_REPORT = [
    attributes(CodeValue="18748-4", CodingSchemeDesignator="LN", CodeMeaning="Diagnostic imaging study")
]
CREATED = {"ContentDate": "20261121", "ContentTime": "205501", "TimezoneOffsetFromUTC": "+0900"}


def documents(*instances, findings=None):
    of_study = attributes(PatientID="4711", TimezoneOffsetFromUTC="+0100")
    made = revision(series("1.2.3.9", *instances, modality="SR"), of_study=of_study)
    found = document_references(made, study=STUDY, subject=SUBJECT, links=LINKS, findings=findings or Findings())
    return [checked(each) for each in found]


def document(sop_class_uid, findings=None, **values):
    (found,) = documents(instance("1.2.3.9.1", sop_class_uid=sop_class_uid, **values), findings=findings)
    return found


report = partial(document, BasicTextSRStorage)


def test_a_report_is_told_whole():
    flags = {"CompletionFlag": "COMPLETE", "VerificationFlag": "VERIFIED"}
    told = report(**CREATED, **flags, ConceptNameCodeSequence=RADIOLOGY_REPORT)
    assert told == {
        "resourceType": "DocumentReference",
        "id": document_reference_id(InstanceKey("main", "1.2.3", "1.2.3.9", "1.2.3.9.1")),
        "meta": {"source": ROOT},
        "masterIdentifier": {"system": "urn:dicom:uid", "value": "urn:oid:1.2.3.9.1"},
        "status": "current",
        "docStatus": "final",
        "type": {
            "coding": [{"system": "http://loinc.org", "code": "18748-4", "display": "Diagnostic imaging study"}],
            "text": "Diagnostic imaging study",
        },
        "subject": SUBJECT,
        "date": "2026-11-21T20:55:01+09:00",
        "content": [
            {
                "attachment": {
                    "contentType": "application/dicom",
                    "url": f"{ROOT}/wado?requestType=WADO&studyUID=1.2.3&seriesUID=1.2.3.9&objectUID=1.2.3.9.1"
                    "&contentType=application/dicom",
                    "creation": "2026-11-21T20:55:01+09:00",
                }
            }
        ],
        "context": {"related": [STUDY]},
    }


def test_an_encapsulated_document_is_attached_in_its_own_type():
    pdf = {"DocumentTitle": "Befund", "MIMETypeOfEncapsulatedDocument": "application/pdf"}
    told = document(EncapsulatedPDFStorage, **pdf, ContentDate="20261121")
    assert told["description"] == "Befund"
    assert told["content"][0]["attachment"] == {
        "contentType": "application/pdf",
        "url": f"{ROOT}/studies/1.2.3/series/1.2.3.9/instances/1.2.3.9.1/bulkdata/00420011",
        "title": "Befund",
        "creation": "2026-11-21",
    }
    assert "date" not in told, "a day is no instant"
    assert "docStatus" not in told


def test_everything_but_what_the_instance_is_is_optional():
    assert document(EncapsulatedPDFStorage).keys() == {
        *("resourceType", "id", "meta", "masterIdentifier", "status", "subject", "content", "context"),
    }
    assert document(EncapsulatedPDFStorage)["content"][0]["attachment"]["contentType"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("completion", "verification", "preliminary", "status"),
    [
        ("COMPLETE", "VERIFIED", "", "final"),
        ("COMPLETE", "VERIFIED", "FINAL", "final"),
        ("", "VERIFIED", "", "final"),
        ("COMPLETE", "VERIFIED", "PRELIMINARY", "preliminary"),
        ("PARTIAL", "VERIFIED", "", "preliminary"),
        ("COMPLETE", "UNVERIFIED", "FINAL", "preliminary"),
        ("COMPLETE", "", "", "preliminary"),
        ("", "", "", None),
    ],
)
def test_a_document_is_final_when_it_is_complete_and_somebody_answers_for_it(
    completion, verification, preliminary, status
):
    told = report(CompletionFlag=completion, VerificationFlag=verification, PreliminaryFlag=preliminary)
    assert told.get("docStatus") == status


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("1.2.276.0.7", {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.276.0.7"}),
        ("1.2.276.0.7^R-5", {"system": "urn:oid:1.2.276.0.7", "value": "R-5"}),
        (
            "0F1C33DE-5D0B-4C0B-9C39-0B4DD1C6A6AB",
            {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:0f1c33de-5d0b-4c0b-9c39-0b4dd1c6a6ab"},
        ),
    ],
)
def test_a_cda_document_keeps_its_own_identifier(identifier, expected):
    cda = document(EncapsulatedCDAStorage, HL7InstanceIdentifier=identifier, MIMETypeOfEncapsulatedDocument="text/XML")
    assert cda["identifier"] == [expected]
    assert cda["content"][0]["attachment"]["contentType"] == "text/xml"


def test_what_cannot_be_mapped_is_left_out_and_named():
    findings = Findings()
    wrong = {
        "CompletionFlag": "YES",
        "ContentDate": "20261131",
        "ContentTime": "noon",
        "ConceptNameCodeSequence": [{}],
        "DocumentTitle": "\x00",
        "HL7InstanceIdentifier": "R-5^",
        "MIMETypeOfEncapsulatedDocument": "pdf; name=x",
    }
    told = document(EncapsulatedPDFStorage, findings, **wrong)
    assert told == document(EncapsulatedPDFStorage)
    assert findings.keywords == tuple(sorted(wrong))


def test_every_document_of_the_study_has_one_and_nothing_else_has():
    found = documents(
        instance("1.2.3.9.1", sop_class_uid=BasicTextSRStorage),
        instance("1.2.3.9.2", sop_class_uid=MRImageStorage),
        instance("1.2.3.9.3", sop_class_uid=EncapsulatedPDFStorage),
    )
    assert [each["masterIdentifier"]["value"] for each in found] == ["urn:oid:1.2.3.9.1", "urn:oid:1.2.3.9.3"]
    assert len({each["id"] for each in found}) == 2
    assert is_document(XRayRadiationDoseSRStorage)
    assert not is_document(KeyObjectSelectionDocumentStorage)
    assert not is_document(EncapsulatedSTLStorage)


def test_every_element_that_the_mapping_gives_is_declared_ours():
    cda = {"HL7InstanceIdentifier": "1.2^3", "DocumentTitle": "T", "VerificationFlag": "VERIFIED"}
    told = document(EncapsulatedCDAStorage, **CREATED, **cda, ConceptNameCodeSequence=RADIOLOGY_REPORT)
    assert told.keys() - {"resourceType", "id", "meta"} == set(ELEMENTS)


def test_the_address_of_a_report_says_what_the_uri_service_needs():
    query = parse_qs(urlsplit(report()["content"][0]["attachment"]["url"]).query)
    assert query == {
        "requestType": ["WADO"],
        "studyUID": ["1.2.3"],
        "seriesUID": ["1.2.3.9"],
        "objectUID": ["1.2.3.9.1"],
        "contentType": ["application/dicom"],
    }
