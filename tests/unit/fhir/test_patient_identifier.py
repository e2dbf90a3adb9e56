from dataclasses import replace

import pytest

from imaging.errors import Rejected, RejectReason
from imaging.fhir.findings import Findings
from imaging.fhir.patient_identifier import identifier, identifies, other_identifiers
from tests.unit.fhir.samples import LINKS, SPACE, attributes

IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"


def mapped(findings=None, **values):
    return identifier(attributes(**{"PatientID": "4711", **values}), SPACE, LINKS, findings or Findings())


def others(*items, findings=None):
    return other_identifiers(attributes(OtherPatientIDsSequence=list(items)), SPACE, LINKS, findings or Findings())


@pytest.mark.parametrize("value", ["", "   ", None])
def test_without_a_patient_id_there_is_no_patient(value):
    with pytest.raises(Rejected, match="PatientID is missing") as caught:
        mapped(PatientID=value)
    assert caught.value.reason is RejectReason.MISSING_IDENTIFIER


@pytest.mark.parametrize("value", ["47\x0011", "4711\x1b", "\t4711", "47\ud80011", "x" * (1024 * 1024 + 1), 4711])
def test_a_patient_id_is_never_mended_into_another(value):
    with pytest.raises(Rejected, match="PatientID has several values") as caught:
        mapped(PatientID=value)
    assert caught.value.reason is RejectReason.INVALID_IDENTIFIER
    assert "4711" not in str(caught.value)


@pytest.mark.parametrize(
    "attribute",
    [
        {"vr": "LO", "Value": ["47\ufffd11"]},
        {"vr": "LO", "Value": ["4711", "45"]},
        {"vr": "LO", "Value": ["4711", None]},
        {"vr": "LO", "Value": [None, "4711"]},
        {"vr": "US", "Value": [4711]},
        {"vr": "PN", "Value": [{"Alphabetic": "4711"}]},
        {"vr": "IS", "Value": ["4711"]},
        {"vr": "OB", "InlineBinary": "NDcxMQ=="},
    ],
)
def test_a_patient_id_is_one_text(attribute):
    with pytest.raises(Rejected) as caught:
        identifier({"00100020": attribute}, SPACE, LINKS, Findings())
    assert caught.value.reason is RejectReason.INVALID_IDENTIFIER
    findings = Findings()
    assert others({"00100020": attribute}, findings=findings) == []
    assert findings.keywords == ("OtherPatientIDsSequence",)


@pytest.mark.parametrize(
    ("use", "is_its_own"),
    [
        ({}, True),
        ({"use": "usual"}, True),
        ({"use": "official"}, True),
        ({"use": "secondary"}, False),
        ({"use": "old"}, False),
    ],
)
def test_a_patient_is_not_identified_by_what_may_be_another_s(use, is_its_own):
    bears = {"identifier": [{"system": "urn:oid:9", "value": "4711"}, {**mapped(), **use}]}
    assert identifies(mapped(), bears) is is_its_own
    assert not identifies(mapped(), {})


def test_spaces_around_a_patient_id_do_not_count():
    assert mapped(PatientID="  4711 ") == mapped(PatientID="4711")


def test_its_system_is_the_issuer_else_the_space_s_configured_one_else_a_name_of_the_space():
    qualified = [attributes(UniversalEntityID="1.2.840.113619", UniversalEntityIDType="ISO")]
    assert mapped(IssuerOfPatientIDQualifiersSequence=qualified)["system"] == "urn:oid:1.2.840.113619"
    assert mapped(IssuerOfPatientID="urn:oid:1.9")["system"] == "urn:oid:1.9"
    assert mapped()["system"] == "urn:oid:1.2.3.4"
    unconfigured = replace(SPACE, patient_identifier_system="")
    of_space = identifier(attributes(PatientID="4711"), unconfigured, LINKS, Findings())
    assert of_space["system"] == "https://imaging.example.org/spaces/main/patient-identifiers"


def test_it_has_the_type_that_the_issuer_gives_it():
    findings = Findings()
    typed = mapped(findings, IssuerOfPatientIDQualifiersSequence=[attributes(IdentifierTypeCode="MR")])
    assert typed["type"] == {"coding": [{"system": IDENTIFIER_TYPE, "code": "MR"}]}
    assert mapped(findings, TypeOfPatientID="BARCODE")["type"] == {"text": "BARCODE"}
    assert "type" not in mapped(findings, TypeOfPatientID="TEXT")
    assert findings.keywords == ()


def test_a_type_that_is_none_is_left_out_and_named():
    findings = Findings()
    unknown = [attributes(IdentifierTypeCode="XYZ")]
    assert "type" not in mapped(findings, IssuerOfPatientIDQualifiersSequence=unknown, TypeOfPatientID="b a r!")
    assert findings.keywords == ("IssuerOfPatientIDQualifiersSequence", "TypeOfPatientID")


def test_another_id_has_its_own_issuer_and_without_one_no_system():
    qualified = [attributes(UniversalEntityID="1.2.3", UniversalEntityIDType="ISO", IdentifierTypeCode="SS")]
    assert others(
        attributes(PatientID="A", IssuerOfPatientID="http://other.example.org"),
        attributes(PatientID="B", IssuerOfPatientIDQualifiersSequence=qualified),
        attributes(PatientID="C"),
        attributes(PatientID="C ", TypeOfPatientID="TEXT"),
    ) == [
        {"use": "secondary", "system": "http://other.example.org", "value": "A"},
        {
            "use": "secondary",
            "type": {"coding": [{"system": IDENTIFIER_TYPE, "code": "SS"}]},
            "system": "urn:oid:1.2.3",
            "value": "B",
        },
        {"use": "secondary", "value": "C"},
    ]


def test_an_item_that_says_nothing_is_passed_over_and_one_that_cannot_be_mapped_is_named():
    findings = Findings()
    assert others(attributes(PatientID=""), {}, findings=findings) == []
    assert findings.keywords == ()
    assert others(attributes(PatientID="4\x0011"), findings=findings) == []
    assert findings.keywords == ("OtherPatientIDsSequence",)


def test_what_is_no_data_set_is_no_item():
    assert others("4711", None, {"00100020": "4711"}) == []
