from dataclasses import replace

import pytest

from imaging.errors import Rejected, RejectReason
from imaging.fhir.identity import patient_id
from imaging.fhir.patient import identifier_system, patient, synchronised
from imaging.fhir.validation import checked
from tests.unit.fhir.samples import LINKS, SPACE, attributes


def mapped(**values):
    return checked(patient(attributes(**{"PatientID": "4711", **values}), SPACE, LINKS))


def test_maps_identifier_name_gender_and_birth_date():
    assert mapped(PatientName="Doe^Jane", PatientSex="F", PatientBirthDate="19700131") == {
        "resourceType": "Patient",
        "id": patient_id("urn:oid:1.2.3.4", "4711"),
        "identifier": [{"system": "urn:oid:1.2.3.4", "value": "4711"}],
        "name": [{"use": "usual", "family": "Doe", "given": ["Jane"]}],
        "gender": "female",
        "birthDate": "1970-01-31",
    }


def test_everything_but_the_identifier_is_optional():
    assert mapped(PatientName="", PatientSex="", PatientBirthDate="").keys() == {"resourceType", "id", "identifier"}


@pytest.mark.parametrize(("sex", "gender"), [("M", "male"), ("F", "female"), ("O", "other"), ("U", None), ("", None)])
def test_gender_is_said_only_where_the_study_says_it(sex, gender):
    assert mapped(PatientSex=sex).get("gender") == gender


@pytest.mark.parametrize(("birth_date", "expected"), [("1970", "1970"), ("197001", "1970-01"), ("1970013", None)])
def test_a_birth_date_may_be_partial(birth_date, expected):
    assert mapped(PatientBirthDate=birth_date).get("birthDate") == expected


def test_spaces_around_a_patient_id_do_not_count():
    assert mapped(PatientID="  4711 ") == mapped(PatientID="4711")


@pytest.mark.parametrize("value", ["", "   ", None])
def test_without_a_patient_id_there_is_no_patient(value):
    with pytest.raises(Rejected, match="PatientID is missing") as caught:
        mapped(PatientID=value)
    assert caught.value.reason is RejectReason.MISSING_IDENTIFIER


@pytest.mark.parametrize("value", ["47\x0011", "4711\x1b", "\t4711", "47\ud80011", "x" * (1024 * 1024 + 1)])
def test_a_patient_id_is_never_mended_into_another(value):
    with pytest.raises(Rejected, match="characters that FHIR cannot hold") as caught:
        mapped(PatientID=value)
    assert caught.value.reason is RejectReason.INVALID_IDENTIFIER
    assert "4711" not in str(caught.value)


@pytest.mark.parametrize(
    ("issuer", "system"),
    [
        ("", "urn:oid:1.2.3.4"),
        ("1.2.840.113619", "urn:oid:1.2.840.113619"),
        ("urn:oid:1.2.840.113619", "urn:oid:1.2.840.113619"),
        ("http://hospital.example.org/mrn", "http://hospital.example.org/mrn"),
        ("0F1C33DE-5D0B-4C0B-9C39-0B4DD1C6A6AB", "urn:uuid:0f1c33de-5d0b-4c0b-9c39-0b4dd1c6a6ab"),
        ("ADT1", "https://imaging.example.org/issuers/ADT1/patient-identifiers"),
        ("St. Mary/East", "https://imaging.example.org/issuers/St.%20Mary%2FEast/patient-identifiers"),
        ("urn:oid:1|2", "https://imaging.example.org/issuers/urn%3Aoid%3A1%7C2/patient-identifiers"),
        ("a\x00\ud800", "https://imaging.example.org/issuers/a%00%3F/patient-identifiers"),
        ("東京", "https://imaging.example.org/issuers/%E6%9D%B1%E4%BA%AC/patient-identifiers"),
    ],
)
def test_the_issuer_of_the_patient_id_names_the_system(issuer, system):
    assert mapped(IssuerOfPatientID=issuer)["identifier"] == [{"system": system, "value": "4711"}]


def test_without_issuer_and_configuration_the_space_names_the_system():
    space = replace(SPACE, patient_identifier_system="")
    assert identifier_system({}, space, LINKS) == "https://imaging.example.org/spaces/main/patient-identifiers"


def existing(**elements):
    return {
        **mapped(PatientName="Doe^Jane", PatientSex="F", PatientBirthDate="19700131"),
        "meta": {"versionId": "7", "lastUpdated": "2026-11-21T20:55:01Z", "tag": [{"code": "registered"}]},
        **elements,
    }


def test_a_new_patient_is_what_the_study_says():
    assert synchronised(None, mapped(PatientName="Doe^Jane")) == mapped(PatientName="Doe^Jane")


def test_name_and_gender_follow_the_study():
    result = synchronised(existing(), mapped(PatientName="Roe^Jane", PatientSex="O"))
    assert result["name"] == [{"use": "usual", "family": "Roe", "given": ["Jane"]}]
    assert result["gender"] == "other"


def test_the_birth_date_of_an_existing_patient_stays():
    assert synchronised(existing(), mapped(PatientBirthDate="19800101"))["birthDate"] == "1970-01-31"
    without = {name: value for name, value in existing().items() if name != "birthDate"}
    assert "birthDate" not in synchronised(without, mapped(PatientBirthDate="19800101"))


def test_what_the_study_does_not_say_stays():
    assert synchronised(existing(), mapped()) == existing()


def test_what_others_wrote_stays():
    others = existing(
        identifier=[{"system": "urn:other", "value": "1"}],
        name=[{"use": "official", "family": "Doe"}, {"use": "usual", "family": "D."}, {"use": "maiden", "family": "M"}],
        telecom=[{"system": "phone", "value": "1"}],
    )
    result = synchronised(others, mapped(PatientName="Roe^Jane"))
    assert result["identifier"] == [{"system": "urn:other", "value": "1"}, *mapped()["identifier"]]
    assert result["name"] == [
        {"use": "official", "family": "Doe"},
        {"use": "usual", "family": "Roe", "given": ["Jane"]},
        {"use": "maiden", "family": "M"},
    ]
    assert result["telecom"] == others["telecom"]
    assert result["meta"] == others["meta"]


def test_a_patient_without_a_usual_name_gets_one_beside_the_others():
    others = existing(name=[{"use": "official", "family": "Doe"}])
    assert [name["use"] for name in synchronised(others, mapped(PatientName="Roe"))["name"]] == ["official", "usual"]


def test_a_name_that_a_server_only_decorated_stays_decorated():
    decorated = existing(name=[{"id": "n1", "use": "usual", "family": "Doe", "given": ["Jane"]}])
    assert synchronised(decorated, mapped(PatientName="Doe^Jane")) == decorated


def test_the_patient_that_was_read_is_not_changed():
    current = existing()
    synchronised(current, mapped(PatientName="Roe"))
    assert current == existing()
