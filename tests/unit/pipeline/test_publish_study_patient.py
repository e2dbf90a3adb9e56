"""Which Patient a study gets, and what becomes of one that was there."""

import pytest

from imaging.errors import Unavailable
from imaging.fhir.policy import PatientTreatment
from imaging.model.publication import ErrorKind
from tests.unit.fhir.fake_server import BY_ID, POST_ONLY
from tests.unit.fhir.samples import STUDY, small_revision
from tests.unit.pipeline.publishing import Publishing

IDENTIFIER = {"system": "urn:oid:1.2.3.4", "value": "4711"}


def patient(logical_id="ehr", **elements):
    return {
        "resourceType": "Patient",
        "id": logical_id,
        "identifier": [IDENTIFIER],
        "name": [{"use": "official", "family": "Doe", "given": ["J."]}],
        **elements,
    }


def replaced_by(logical_id):
    return [{"type": "replaced-by", "other": {"reference": f"Patient/{logical_id}"}}]


def publish(publishing, **of_study):
    number = publishing.fence.numbers.get(STUDY, 0) + 1
    publishing.finalize(small_revision(number=number, **of_study))
    return publishing.publish(STUDY, number)


def subject(publishing):
    return publishing.server.only("ImagingStudy")["subject"]["reference"]


@pytest.fixture(params=[BY_ID, POST_ONLY], ids=["put by id", "post only"])
def publishing(request):
    return Publishing(request.param)


def test_one_that_bears_the_identifier_is_used_and_brought_up_to_date(publishing):
    publishing.server.write(patient(birthDate="1960"))
    publish(publishing, PatientSex="F", PatientBirthDate="19611111")
    assert subject(publishing) == "Patient/ehr"
    there = publishing.server.only("Patient")
    assert there["gender"] == "female"
    assert there["birthDate"] == "1960"
    assert {name["use"] for name in there["name"]} == {"official", "usual"}


def test_it_is_found_again_and_not_written_again(publishing):
    publishing.server.write(patient())
    for _ in range(2):
        publish(publishing)
    assert len(publishing.server.transactions) == 1


def test_one_of_another_issuer_is_another(publishing):
    publishing.server.write(patient(identifier=[{"system": "urn:oid:9", "value": "4711"}]))
    publish(publishing)
    assert len(publishing.server.all("Patient")) == 2
    assert subject(publishing) != "Patient/ehr"


def test_what_a_careless_search_gives_beside_it_is_not_taken(publishing, monkeypatch):
    publishing.server.write(patient(identifier=[{"system": "urn:oid:9", "value": "1"}]))
    everybody = publishing.server.all
    monkeypatch.setattr(publishing.server, "search", lambda resource_type, criteria: everybody(resource_type))
    publish(publishing)
    assert subject(publishing) != "Patient/ehr"


def test_a_patient_id_with_the_search_own_characters_is_found(publishing):
    publishing.server.write(patient(identifier=[{"system": "urn:oid:1.2.3.4", "value": "a,b|c$d\\e"}]))
    publish(publishing, PatientID="a,b|c$d\\e")
    assert subject(publishing) == "Patient/ehr"


def test_one_that_had_the_identifier_is_not_taken_though_the_search_still_gives_it(publishing):
    publishing.server.write(patient("wrong"))
    publishing.server.catch_up()
    publishing.server.lags = True
    publishing.server.write(patient("wrong", identifier=[]))
    publishing.server.write(patient("right"))
    with pytest.raises(Unavailable, match="search"):
        publish(publishing)
    assert publishing.server.transactions == []
    publishing.server.lags = False
    publish(publishing)
    assert subject(publishing) == "Patient/right"
    assert publishing.server.current("Patient/wrong")["identifier"] == []


def test_nor_is_another_made_while_the_search_gives_one_that_is_gone(publishing):
    publishing.server.write(patient("wrong"))
    publishing.server.catch_up()
    publishing.server.lags = True
    publishing.server.delete("Patient/wrong")
    with pytest.raises(Unavailable, match="search"):
        publish(publishing)
    publishing.server.lags = False
    publish(publishing)
    assert subject(publishing) == f"Patient/{publishing.server.only('Patient')['id']}"


@pytest.mark.parametrize("is_ours", [True, False], ids=["made by us", "made by others"])
@pytest.mark.parametrize(
    "lost", [[], [{**IDENTIFIER, "use": "old"}]], ids=["it has lost the identifier", "it has it as an old one"]
)
def test_an_identifier_that_was_given_to_another_leads_to_the_other(publishing, is_ours, lost):
    if not is_ours:
        publishing.server.write(patient("wrong"))
    publish(publishing)
    wrong = publishing.server.only("Patient")
    publishing.server.write({**wrong, "identifier": lost})
    publishing.server.write(patient("right"))
    publish(publishing, PatientSex="F")
    assert subject(publishing) == "Patient/right"
    there = publishing.server.current(f"Patient/{wrong['id']}")
    assert there["identifier"] == lost
    assert "gender" not in there
    publishing.server.write(patient("third"))
    publish(publishing)
    ((_, message),) = publishing.entries
    assert "2 Patients" in message


def test_our_own_one_that_lost_the_identifier_to_nobody_is_left_alone(publishing):
    publish(publishing)
    ours = publishing.server.only("Patient")
    publishing.server.write({**ours, "identifier": []})
    publish(publishing)
    assert publishing.server.current(f"Patient/{ours['id']}")["identifier"] == []
    if publishing.server.abilities is BY_ID:
        ((kind, message),) = publishing.entries
        assert kind is ErrorKind.NOT_PUBLISHED
        assert "lost its identifier" in message
        publishing.server.write(ours)
        publish(publishing)
    assert publishing.entries == []
    assert publishing.server.current(subject(publishing))["identifier"] == [IDENTIFIER]


@pytest.mark.parametrize(
    "other",
    [
        {"reference": "https://mpi.example.org/r4/Patient/second"},
        {"reference": "RelatedPerson/second"},
        {"identifier": IDENTIFIER},
    ],
    ids=["an absolute address", "another type", "no address"],
)
def test_a_survivor_that_may_be_on_another_server_is_not_looked_for_on_this(publishing, other):
    publishing.server.write(patient(active=False, link=[{"type": "replaced-by", "other": other}]))
    publishing.server.write(patient("second", identifier=[]))
    publish(publishing)
    ((kind, message),) = publishing.entries
    assert kind is ErrorKind.NOT_PUBLISHED
    assert "another server's" in message
    assert publishing.server.transactions == []


def test_one_that_was_merged_leads_to_the_survivor(publishing):
    publishing.server.write(patient(active=False, link=replaced_by("second")))
    publishing.server.write(patient("second", active=False, link=replaced_by("third/_history/1")))
    publishing.server.write(patient("third", identifier=[]))
    publish(publishing)
    assert subject(publishing) == "Patient/third"
    assert publishing.server.current("Patient/third")["identifier"] == [IDENTIFIER]
    assert len(publishing.server.versions["Patient/ehr"]) == 1


def test_our_own_one_that_was_merged_meanwhile_leads_to_the_survivor(publishing):
    publish(publishing)
    ours = publishing.server.only("Patient")
    publishing.server.write(patient())
    publishing.server.write({**ours, "active": False, "link": replaced_by("ehr")})
    publish(publishing)
    assert subject(publishing) == "Patient/ehr"


def test_an_inactive_one_counts_only_without_an_active_one(publishing):
    publishing.server.write(patient("old", active=False))
    publish(publishing)
    assert subject(publishing) == "Patient/old"


def test_an_active_one_is_taken_before_an_inactive_one(publishing):
    publishing.server.write(patient("old", active=False))
    publishing.server.write(patient())
    publish(publishing)
    assert subject(publishing) == "Patient/ehr"


def test_of_several_none_is_guessed(publishing):
    publishing.server.write(patient("a"))
    publishing.server.write(patient("b"))
    publish(publishing)
    ((kind, message),) = publishing.entries
    assert kind is ErrorKind.NOT_PUBLISHED
    assert "2 Patients" in message
    assert publishing.server.transactions == []
    publishing.server.write(patient("b", active=False, link=replaced_by("a")))
    publish(publishing)
    assert subject(publishing) == "Patient/a"
    assert publishing.entries == []


@pytest.mark.parametrize(
    "links", [{"a": "b", "b": "a"}, {"a": "gone"}], ids=["merged in a circle", "merged into one that is gone"]
)
def test_a_merge_that_leads_nowhere_is_told(publishing, links):
    for each, other in links.items():
        publishing.server.write(patient(each, active=False, link=replaced_by(other)))
    publish(publishing)
    assert [kind for kind, _ in publishing.entries] == [ErrorKind.NOT_PUBLISHED]
    assert publishing.server.transactions == []


def test_one_that_was_deleted_is_made_again(publishing):
    publish(publishing)
    publishing.server.delete(f"Patient/{publishing.server.only('Patient')['id']}")
    publish(publishing)
    assert subject(publishing) == f"Patient/{publishing.server.only('Patient')['id']}"


def test_create_only_never_touches_one_that_is_there(publishing):
    publishing = Publishing(publishing.server.abilities, patient=PatientTreatment.CREATE_ONLY)
    publish(publishing)
    publish(publishing, PatientName="Roe^Jane")
    assert len(publishing.server.transactions) == 1
    assert publishing.server.only("Patient")["name"][0]["family"] == "Doe"


def test_reference_only_makes_none(publishing):
    publishing = Publishing(publishing.server.abilities, patient=PatientTreatment.REFERENCE_ONLY)
    publish(publishing, PatientSex="F")
    ((kind, message),) = publishing.entries
    assert kind is ErrorKind.NOT_PUBLISHED
    assert "reference-only" in message
    assert publishing.server.all("Patient") == []
    publishing.server.write(patient())
    publish(publishing, PatientSex="F")
    assert subject(publishing) == "Patient/ehr"
    assert len(publishing.server.versions["Patient/ehr"]) == 1
    assert publishing.entries == []


def test_a_study_of_another_patient_is_linked_anew_and_both_patients_stay(publishing):
    publish(publishing)
    publish(publishing, PatientID="4712")
    assert len(publishing.server.all("Patient")) == 2
    linked = publishing.server.current(subject(publishing))
    assert linked["identifier"][0]["value"] == "4712"
