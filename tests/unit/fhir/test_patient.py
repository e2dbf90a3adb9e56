import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.fhir.findings import Findings
from imaging.fhir.identity import patient_id
from imaging.fhir.patient import patient, synchronised
from imaging.fhir.person_name import REPRESENTATION
from imaging.fhir.validation import checked
from tests.unit.fhir.samples import LINKS, SPACE, attributes

IDE = [{"url": REPRESENTATION, "valueCode": "IDE"}]
ABC = [{"url": REPRESENTATION, "valueCode": "ABC"}]


def mapped(findings=None, **values):
    found = findings or Findings()
    return checked(patient(attributes(**{"PatientID": "4711", **values}), SPACE, LINKS, found))


def keywords(**values):
    findings = Findings()
    mapped(findings, **values)
    return findings.keywords


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


def test_nothing_is_wrong_with_what_is_missing_empty_or_mapped():
    assert keywords() == ()
    assert keywords(PatientName="", PatientSex="", PatientBirthDate="") == ()
    assert keywords(PatientName="Doe^Jane", PatientSex="F", PatientBirthDate="1970") == ()


def test_what_cannot_be_mapped_is_left_out_and_named():
    values = {"PatientName": "\x00^\x1b", "PatientSex": "U", "PatientBirthDate": "19700231"}
    assert mapped(**values).keys() == {"resourceType", "id", "identifier"}
    assert keywords(**values) == ("PatientBirthDate", "PatientName", "PatientSex")


def test_a_japanese_patient_has_the_name_in_three_representations():
    names = mapped(PatientName={"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"})
    assert [(name["use"], name["family"]) for name in names["name"]] == [
        ("usual", "Yamada"),
        ("usual", "山田"),
        ("usual", "やまだ"),
    ]


def test_other_patient_ids_are_further_identifiers_but_none_twice():
    others = [
        {"PatientID": "P-9", "IssuerOfPatientID": "1.2.840.113619"},
        {"PatientID": "4711", "IssuerOfPatientID": "urn:oid:1.2.3.4"},
        {"PatientID": "4711"},
        {"PatientID": "985112", "TypeOfPatientID": "RFID"},
    ]
    values = {"OtherPatientIDsSequence": [attributes(**item) for item in others]}
    assert mapped(**values)["identifier"] == [
        {"system": "urn:oid:1.2.3.4", "value": "4711"},
        {"use": "secondary", "system": "urn:oid:1.2.840.113619", "value": "P-9"},
        {"use": "secondary", "type": {"text": "RFID"}, "value": "985112"},
    ]


hostile = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("^= \x00\x1b.0123456789-")), max_size=40)
names = st.dictionaries(st.sampled_from(["Alphabetic", "Ideographic", "Phonetic"]), hostile)
issuers = st.fixed_dictionaries(
    {},
    optional={
        "LocalNamespaceEntityID": hostile,
        "UniversalEntityID": hostile,
        "UniversalEntityIDType": st.sampled_from(["ISO", "UUID", "URI", "DNS", "EUI64", ""]),
        "IdentifierTypeCode": st.one_of(hostile, st.just("MR")),
    },
).map(lambda values: attributes(**values))
identified = {
    "IssuerOfPatientID": hostile,
    "IssuerOfPatientIDQualifiersSequence": st.lists(issuers, max_size=2),
    "TypeOfPatientID": hostile,
}
other_ids = st.fixed_dictionaries({}, optional={"PatientID": hostile, **identified}).map(lambda v: attributes(**v))


@given(
    st.fixed_dictionaries(
        {"PatientID": st.just("4711")},
        optional={
            **identified,
            "OtherPatientIDsSequence": st.lists(other_ids, max_size=3),
            "PatientName": names,
            "PatientSex": hostile,
            "PatientBirthDate": hostile,
        },
    )
)
def test_whatever_else_a_study_says_its_patient_is_valid_fhir_and_identified(values):
    identifiers = mapped(**values)["identifier"]
    assert identifiers[0]["value"] == "4711"
    assert len({(each.get("system"), each["value"]) for each in identifiers}) == len(identifiers)


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


def test_each_representation_of_the_usual_name_is_kept_by_itself():
    others = existing(
        name=[
            {"extension": ABC, "use": "usual", "family": "Yamada"},
            {"extension": IDE, "use": "usual", "family": "山本"},
            {"extension": IDE, "use": "maiden", "family": "山中"},
        ]
    )
    result = synchronised(others, mapped(PatientName={"Alphabetic": "Yamada", "Ideographic": "山田"}))
    assert result["name"] == [
        {"extension": ABC, "use": "usual", "family": "Yamada"},
        {"extension": IDE, "use": "usual", "family": "山田"},
        {"extension": IDE, "use": "maiden", "family": "山中"},
    ]
    without = synchronised(existing(), mapped(PatientName={"Alphabetic": "Doe^Jane", "Ideographic": "山田"}))
    assert without["name"] == [*existing()["name"], {"extension": IDE, "use": "usual", "family": "山田"}]


def test_the_study_s_own_identifier_is_added_but_no_other_and_none_is_taken_away():
    others = existing(identifier=[{"system": "urn:oid:1.2.840.113619", "value": "P-9", "use": "old"}])
    values = {"OtherPatientIDsSequence": [attributes(PatientID="456", IssuerOfPatientID="urn:oid:1.2.3.4")]}
    assert len(mapped(**values)["identifier"]) == 2
    assert synchronised(others, mapped(**values))["identifier"] == [
        {"system": "urn:oid:1.2.840.113619", "value": "P-9", "use": "old"},
        {"system": "urn:oid:1.2.3.4", "value": "4711"},
    ]


def test_a_patient_without_a_usual_name_gets_one_beside_the_others():
    others = existing(name=[{"use": "official", "family": "Doe"}])
    assert [name["use"] for name in synchronised(others, mapped(PatientName="Roe"))["name"]] == ["official", "usual"]


def test_a_name_that_a_server_only_decorated_stays_decorated():
    decorated = existing(name=[{"id": "n1", "use": "usual", "family": "Doe", "given": ["Jane"]}])
    assert synchronised(decorated, mapped(PatientName="Doe^Jane")) == decorated


@pytest.mark.parametrize("written", ["DOE^JANE^MARIA", "Doe^Jane Maria", " doe ^ jane^ maria ", "\uff24oe^Jane^Maria"])
def test_a_name_that_is_only_written_in_another_way_is_not_written_again(written):
    current = existing(name=[{"use": "usual", "text": "Jane M. Doe", "family": "Doe", "given": ["Jane", "Maria"]}])
    assert synchronised(current, mapped(PatientName=written)) == current


@pytest.mark.parametrize("written", ["Roe^Jane^Maria", "Döe^Jane^Maria", "Doe^Jane", "Doe^Jane^Maria^Dr."])
def test_a_name_that_differs_keeps_what_a_study_cannot_say_but_not_the_old_text(written):
    kept = {"id": "n1", "period": {"start": "2020-01-01"}, "extension": [{"url": "urn:verified", "valueBoolean": True}]}
    old = {"text": "Jane M. Doe", "suffix": ["MD"], "_family": {"extension": [{"url": "urn:own", "valueCode": "Doe"}]}}
    current = existing(name=[{"use": "usual", **kept, **old, "family": "Doe", "given": ["Jane", "Maria"]}])
    ours = mapped(PatientName=written)
    assert synchronised(current, ours)["name"] == [{**kept, **ours["name"][0]}]


def test_the_patient_that_was_read_is_not_changed():
    current = existing()
    synchronised(current, mapped(PatientName="Roe"))
    assert current == existing()
