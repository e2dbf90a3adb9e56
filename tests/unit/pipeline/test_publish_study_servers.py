"""The same stories on every kind of server: who chooses the ids, and what conditions it knows."""

from collections.abc import Mapping
from typing import Any

import pytest

from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.fhir.policy import Writes
from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind
from imaging.ports.outside import TooBusy
from tests.unit.fhir.fake_server import BY_ID, CONDITIONAL_PUT, EVERY_SERVER, POST_ONLY, FakeFhirServer
from tests.unit.fhir.samples import STUDY, revision, small_revision
from tests.unit.pipeline.publishing import Publishing

WHERE_THE_SERVER_CHOOSES_IDS = {
    name: abilities for name, abilities in EVERY_SERVER.items() if not abilities.update_create
}


@pytest.fixture(params=EVERY_SERVER.values(), ids=EVERY_SERVER)
def publishing(request) -> Publishing:
    return Publishing(request.param)


def publish(publishing: Publishing, study: StudyKey = STUDY, **of_study: str) -> None:
    number = publishing.fence.numbers.get(study, 0) + 1
    made = small_revision(number=number, **of_study)
    publishing.finalize(revision(*made.series, number=number, study=study, of_study=made.attributes))
    assert publishing.publish(study, number).is_in_fhir


def delete(publishing: Publishing) -> None:
    number = publishing.fence.numbers[STUDY] + 1
    publishing.finalize(revision(number=number))
    publishing.publish(STUDY, number)


def check_links(server: FakeFhirServer) -> None:
    """Each ImagingStudy leads to a Patient and an Endpoint that are there, by their real ids."""
    for study in server.all("ImagingStudy"):
        for reference in (study["subject"], *study["endpoint"]):
            assert server.current(reference["reference"])


def counts(publishing: Publishing) -> tuple[int, ...]:
    check_links(publishing.server)
    return tuple(len(publishing.server.all(each)) for each in ("Patient", "Endpoint", "ImagingStudy"))


def test_a_study_is_published_changed_deleted_and_stored_again(publishing):
    publish(publishing, StudyDescription="first")
    publish(publishing, StudyDescription="second")
    publish(publishing, StudyDescription="second")
    assert counts(publishing) == (1, 1, 1)
    assert publishing.version_counts() == {"Patient": 1, "Endpoint": 1, "ImagingStudy": 2}
    assert publishing.server.only("ImagingStudy")["description"] == "second"
    delete(publishing)
    delete(publishing)
    assert counts(publishing) == (1, 1, 0)
    publish(publishing)
    assert counts(publishing) == (1, 1, 1)


def test_studies_of_a_patient_share_patient_and_endpoint(publishing):
    for study in (STUDY, StudyKey("main", "1.2.4"), StudyKey("main", "1.2.5")):
        publish(publishing, study)
    assert counts(publishing) == (1, 1, 3)


def test_every_resource_is_written_once_though_the_search_lags_behind(publishing):
    publishing.server.lags = True
    for study in (STUDY, StudyKey("main", "1.2.4")):
        publish(publishing, study)
        publish(publishing, study, StudyDescription="new")
    assert counts(publishing) == (1, 1, 2)


def test_an_answer_that_is_lost_doubles_nothing(publishing):
    publishing.finalize(small_revision())
    publishing.server.after_transaction = answer_is_lost
    with pytest.raises(Unavailable):
        publishing.publish(STUDY, 1)
    publishing.publish(STUDY, 1)
    assert counts(publishing) == (1, 1, 1)
    assert len(publishing.server.transactions) == 1


@pytest.mark.parametrize("abilities", WHERE_THE_SERVER_CHOOSES_IDS.values(), ids=WHERE_THE_SERVER_CHOOSES_IDS)
def test_after_a_lost_answer_nothing_is_created_until_the_search_has_had_time(abilities):
    publishing = Publishing(abilities)
    publishing.finalize(small_revision())
    publishing.server.lags = True
    publishing.server.after_transaction = answer_is_lost
    for reason in ("lost", "confirmed", "confirmed"):
        with pytest.raises(Unavailable, match=reason):
            publishing.publish(STUDY, 1)
    assert [kind for kind, _ in publishing.entries] == [ErrorKind.RETRYING]
    publishing.server.lags = False
    publishing.publish(STUDY, 1)
    assert counts(publishing) == (1, 1, 1)
    assert publishing.entries == []


@pytest.mark.parametrize("abilities", WHERE_THE_SERVER_CHOOSES_IDS.values(), ids=WHERE_THE_SERVER_CHOOSES_IDS)
def test_what_nobody_remembers_is_found_by_the_identifier_that_it_bears(abilities):
    publishing = Publishing(abilities)
    publish(publishing)
    publishing.known.ids.clear()
    publish(publishing, StudyDescription="new")
    assert counts(publishing) == (1, 1, 1)
    ours = {publishing.server.only(each)["id"] for each in ("Endpoint", "ImagingStudy")}
    assert set(publishing.known.ids.values()) == ours  # a Patient that is found may be anybody's


@pytest.mark.parametrize("abilities", WHERE_THE_SERVER_CHOOSES_IDS.values(), ids=WHERE_THE_SERVER_CHOOSES_IDS)
def test_what_another_publisher_creates_while_we_read_what_is_gone_is_not_created_again(monkeypatch, abilities):
    publishing = Publishing(abilities)
    publish(publishing)
    server = publishing.server
    server.delete(f"Patient/{server.only('Patient')['id']}")
    server.catch_up()
    server.lags = True
    read = server.read

    def read_late(resource_type: str, logical_id: str) -> Mapping[str, Any] | None:
        if resource_type == "Patient":
            monkeypatch.undo()
            publish(publishing, StudyKey("main", "1.2.4"))
        return read(resource_type, logical_id)

    monkeypatch.setattr(server, "read", read_late)
    publishing.finalize(small_revision(number=2))
    with pytest.raises(Unavailable, match="Another process"):
        publishing.publish(STUDY, 2)
    publishing.publish(STUDY, 2)
    assert counts(publishing) == (1, 1, 2)


@pytest.mark.parametrize("abilities", WHERE_THE_SERVER_CHOOSES_IDS.values(), ids=WHERE_THE_SERVER_CHOOSES_IDS)
def test_a_server_that_was_too_busy_keeps_nobody_from_creating(abilities):
    publishing = Publishing(abilities)
    publishing.finalize(small_revision())
    publishing.server.before_transaction = too_busy
    with pytest.raises(TooBusy):
        publishing.publish(STUDY, 1)
    publish(publishing, StudyKey("main", "1.2.4"))
    publishing.publish(STUDY, 1)
    assert counts(publishing) == (1, 1, 2)


def test_a_refusal_keeps_nobody_from_creating(publishing):
    publishing.finalize(small_revision(StudyDescription="first"))
    publishing.server.versions["Endpoint/x"] = [None]
    publishing.server.before_transaction = refused
    publishing.publish(STUDY, 1)
    assert [kind for kind, _ in publishing.entries] == [ErrorKind.FHIR_REFUSED]
    publish(publishing)
    assert counts(publishing) == (1, 1, 1)


def test_a_patient_that_appears_between_search_and_write_is_used_where_the_server_can_tell():
    publishing = Publishing(CONDITIONAL_PUT)
    publishing.finalize(small_revision(PatientSex="F"))
    ehr = {"resourceType": "Patient", "id": "ehr", "active": True}
    ehr["identifier"] = [{"system": "urn:oid:1.2.3.4", "value": "4711"}]
    publishing.server.before_transaction = lambda: publishing.server.write(ehr)
    publishing.publish(STUDY, 1)
    patient = publishing.server.only("Patient")
    assert (patient["id"], patient["active"], patient["gender"]) == ("ehr", True, "female")
    assert publishing.server.only("ImagingStudy")["subject"] == {"reference": "Patient/ehr"}
    assert "ehr" not in publishing.known.ids.values()
    assert publishing.entries == []


def test_what_others_add_to_the_lists_of_an_imaging_study_stays(publishing):
    publish(publishing, AccessionNumber="A1")
    study = publishing.server.only("ImagingStudy")
    theirs = {
        "identifier": {"system": "urn:oid:9", "value": "9"},
        "note": {"text": "seen"},
        "basedOn": {"reference": study["subject"]["reference"]},
    }
    publishing.server.write(study | {name: [each, *study.get(name, [])] for name, each in theirs.items()})
    publish(publishing, AccessionNumber="A1")
    assert len(publishing.server.transactions) == 1
    publish(publishing, AccessionNumber="A2")
    study = publishing.server.only("ImagingStudy")
    assert all(each in study[name] for name, each in theirs.items())
    values = [identifier["value"] for identifier in study["identifier"]]
    assert "A2" in values
    assert "A1" not in values


def test_the_way_that_is_configured_is_taken():
    publishing = Publishing(BY_ID, writes=Writes.SEARCH_THEN_PUT)
    publish(publishing)
    methods = {entry["request"]["method"] for entry in publishing.server.transactions[0]["entry"]}
    assert methods == {"POST"}


def test_a_server_that_is_said_to_take_ids_is_not_asked(monkeypatch):
    publishing = Publishing(BY_ID, writes=Writes.PUT_BY_ID)
    monkeypatch.setattr(publishing.server, "capabilities", None)
    publish(publishing)
    assert counts(publishing) == (1, 1, 1)


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [({"fhirVersion": "4.0.1", "rest": [{"mode": "server"}]}, "transactions"), ({"fhirVersion": "5.0.0"}, "R4")],
)
def test_a_server_that_cannot_be_published_to_is_told_so(monkeypatch, statement, sentence):
    publishing = Publishing(POST_ONLY)
    monkeypatch.setattr(publishing.server, "capabilities", lambda: statement)
    publishing.finalize(small_revision())
    publishing.publish(STUDY, 1)
    ((kind, message),) = publishing.entries
    assert kind is ErrorKind.FHIR_REFUSED
    assert sentence in message


def answer_is_lost() -> None:
    raise Unavailable("The answer is lost.")


def too_busy() -> None:
    raise TooBusy("The FHIR server answered 429; it is tried again.")


def refused() -> None:
    raise Rejected(RejectReason.MALFORMED_REQUEST, "refused")
