from dataclasses import replace
from datetime import timedelta

import pytest

from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.fhir.policy import OnDelete
from imaging.fhir.validation import checked
from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind
from tests.unit.fhir.fake_server import BY_ID, POST_ONLY
from tests.unit.fhir.samples import STUDY, attributes, revision, small_revision
from tests.unit.pipeline.publishing import LAST, Publishing


@pytest.fixture
def publishing() -> Publishing:
    return Publishing()


def test_a_revision_becomes_patient_endpoint_and_imaging_study_in_one_transaction(publishing):
    publishing.finalize(small_revision())
    publishing.publish(STUDY, 1)
    (bundle,) = publishing.server.transactions
    assert bundle["type"] == "transaction"
    assert [entry["request"]["url"].partition("/")[0] for entry in bundle["entry"]] == [
        "Patient",
        "Endpoint",
        "ImagingStudy",
    ]
    study = publishing.server.only("ImagingStudy")
    assert study["subject"]["reference"] == f"Patient/{publishing.server.only('Patient')['id']}"
    assert study["endpoint"] == [{"reference": f"Endpoint/{publishing.server.only('Endpoint')['id']}"}]
    assert publishing.marks_removed == [1]


def test_publishing_again_sends_nothing(publishing):
    publishing.finalize(small_revision())
    for _ in range(3):
        publishing.publish(STUDY, 1)
    assert len(publishing.server.transactions) == 1
    assert publishing.marks_removed == [1, 1, 1]


def test_publishing_again_follows_a_viewer_that_comes_and_goes(publishing):
    publishing.finalize(small_revision())
    referred_to = []
    for address in ("", "https://imaging.example.org/IHEInvokeImageDisplay", ""):
        publishing.policy = replace(publishing.policy, invoke_image_display=address)
        publishing.use(publishing.server)
        publishing.publish(STUDY, 1)
        referred_to.append(len(publishing.server.only("ImagingStudy")["endpoint"]))
    assert referred_to == [1, 2, 1]


def test_a_second_revision_changes_only_what_differs(publishing):
    publishing.finalize(small_revision())
    publishing.publish(STUDY, 1)
    publishing.finalize(small_revision(number=2, StudyDescription="CT Thorax"))
    publishing.publish(STUDY, 2)
    assert publishing.version_counts() == {"Patient": 1, "Endpoint": 1, "ImagingStudy": 2}
    assert publishing.server.transactions[1]["entry"][0]["request"]["ifMatch"] == 'W/"1"'


def test_a_second_study_of_a_patient_writes_neither_patient_nor_endpoint_again(publishing):
    other = StudyKey("main", "1.2.4")
    publishing.finalize(small_revision())
    publishing.publish(STUDY, 1)
    publishing.finalize(revision(*small_revision().series, study=other))
    publishing.publish(other, 1)
    assert publishing.version_counts() == {"Patient": 1, "Endpoint": 1, "ImagingStudy": 1}
    assert len(publishing.server.versions) == 4


def test_an_older_event_publishes_the_latest_revision_and_removes_both_marks(publishing):
    publishing.finalize(small_revision())
    publishing.finalize(small_revision(number=2, StudyDescription="the latest"))
    publishing.publish(STUDY, 1)
    assert publishing.server.only("ImagingStudy")["description"] == "the latest"
    assert publishing.marks_removed == [1, 2]


def test_a_study_without_instances_loses_its_imaging_study_and_nothing_else(publishing):
    publishing.finalize(small_revision())
    publishing.publish(STUDY, 1)
    publishing.finalize(revision(number=2, of_study=attributes()))
    publishing.publish(STUDY, 2)
    (entry,) = publishing.server.transactions[1]["entry"]
    assert entry["request"]["method"] == "DELETE"
    assert entry["request"]["url"].startswith("ImagingStudy/")
    assert publishing.server.only("Patient")
    assert publishing.server.only("Endpoint")
    assert publishing.marks_removed == [1, 2]


def test_a_deleted_study_is_deleted_once(publishing):
    publishing.finalize(small_revision())
    publishing.publish(STUDY, 1)
    publishing.finalize(revision(number=2))
    publishing.publish(STUDY, 2)
    publishing.publish(STUDY, 2)
    assert len(publishing.server.transactions) == 2


def test_a_study_that_was_never_published_needs_no_deletion(publishing):
    publishing.finalize(revision(number=2))
    publishing.publish(STUDY, 2)
    assert publishing.server.transactions == []
    assert publishing.marks_removed == [2]


def test_a_study_stored_again_after_its_deletion_is_published_again(publishing):
    for number, made in enumerate((small_revision(), revision(number=2), small_revision(number=3)), start=1):
        publishing.finalize(made)
        publishing.publish(STUDY, number)
    assert publishing.server.only("ImagingStudy")["numberOfInstances"] == 1


def test_a_revision_made_meanwhile_is_published_too(publishing):
    publishing.finalize(small_revision())
    late = small_revision(number=2, StudyDescription="late")
    publishing.server.after_transaction = lambda: publishing.finalize(late)
    publishing.publish(STUDY, 1)
    assert publishing.server.only("ImagingStudy")["description"] == "late"
    assert publishing.marks_removed == [1, 2]


def test_who_comes_while_another_publishes_the_study_is_tried_again(publishing):
    publishing.finalize(small_revision(StudyDescription="first"))

    def other() -> None:
        publishing.finalize(small_revision(number=2, StudyDescription="second"))
        with pytest.raises(Unavailable, match="Another process"):
            publishing.publish(STUDY, 2)

    publishing.server.before_transaction = other
    publishing.publish(STUDY, 1)
    assert publishing.server.only("ImagingStudy")["description"] == "second"
    assert publishing.marks_removed == [1, 2]
    assert publishing.entries == []


def test_one_that_lost_its_turn_overwrites_nothing_and_records_nothing(publishing):
    publishing.finalize(small_revision(StudyDescription="first"))

    def sleep() -> None:
        publishing.wait()
        publishing.finalize(small_revision(number=2, StudyDescription="second"))
        publishing.publish(STUDY, 2)

    publishing.server.after_transaction = sleep
    with pytest.raises(Unavailable, match="took over"):
        publishing.publish(STUDY, 1)
    assert publishing.server.only("ImagingStudy")["description"] == "second"
    assert publishing.publications.read(STUDY).revision == 2
    assert publishing.marks_removed == [2]


def test_what_another_writes_to_the_patient_meanwhile_is_merged(publishing):
    publishing.finalize(small_revision())
    publishing.publish(STUDY, 1)
    publishing.finalize(small_revision(number=2, PatientName="Roe^Jane"))
    patient = publishing.server.only("Patient")
    publishing.server.before_transaction = lambda: publishing.server.write({**patient, "active": True})
    publishing.publish(STUDY, 2)
    assert publishing.server.only("Patient")["active"] is True
    assert publishing.server.only("Patient")["name"][0]["family"] == "Roe"


def test_others_that_never_stop_writing_are_given_way(publishing):
    publishing.finalize(small_revision())
    publishing.publish(STUDY, 1)
    publishing.finalize(small_revision(number=2, StudyDescription="new"))

    def write_again() -> None:
        publishing.server.write(publishing.server.only("ImagingStudy"))
        publishing.server.before_transaction = write_again

    publishing.server.before_transaction = write_again
    with pytest.raises(Unavailable, match="Others wrote"):
        publishing.publish(STUDY, 2)
    assert [kind for kind, _ in publishing.entries] == [ErrorKind.RETRYING]
    first, second = publishing.slept
    assert 0 < first < 0.5
    assert 0 < second < 1


@pytest.mark.parametrize("patient_id", ["", "47\x0011"])
def test_a_study_without_a_usable_patient_id_leaves_an_entry_and_is_not_tried_again(publishing, patient_id):
    publishing.finalize(small_revision(PatientID=patient_id))
    published = publishing.publish(STUDY, 1)
    assert not published.is_in_fhir
    ((kind, message),) = publishing.entries
    assert kind is ErrorKind.NOT_PUBLISHED
    assert "PatientID" in message
    assert publishing.marks_removed == [1]
    assert publishing.server.transactions == []


def test_a_later_revision_with_a_patient_id_is_published_and_clears_the_entry(publishing):
    publishing.finalize(small_revision(PatientID=""))
    publishing.publish(STUDY, 1)
    publishing.finalize(small_revision(number=2))
    assert publishing.publish(STUDY, 2).is_in_fhir
    assert publishing.server.only("ImagingStudy")
    assert publishing.entries == []


def test_a_study_costs_few_calls(publishing):
    made = small_revision(AccessionNumber="A1")
    renamed = small_revision(number=2, AccessionNumber="A1", StudyDescription="new")
    costs = []
    for each in (made, made, renamed, revision(number=3), revision(number=3)):
        publishing.server.calls.clear()
        publishing.finalize(each)
        publishing.publish(STUDY, each.number)
        costs.append(publishing.server.calls[:])
    there = ["read Patient", "read Endpoint", "read ImagingStudy", "search ServiceRequest"]
    assert costs == [
        [
            *("read Patient", "search Patient", "read Endpoint", "read ImagingStudy"),
            *("read Endpoint", "read Patient", "transact"),  # once more, now that nobody else creates them
        ],
        there,
        [*there, "transact"],
        ["read ImagingStudy", "transact"],
        ["read ImagingStudy"],
    ]


def test_what_cannot_be_mapped_is_left_out_and_told_by_keyword(publishing):
    publishing.finalize(small_revision(PatientBirthDate="19999999"))
    assert publishing.publish(STUDY, 1).is_in_fhir
    assert "birthDate" not in publishing.server.only("Patient")
    ((kind, message),) = publishing.entries
    assert kind is ErrorKind.INVALID_TAG
    assert "PatientBirthDate" in message
    assert "19999999" not in message


def test_what_could_not_even_be_read_is_told_if_it_would_have_been_mapped(publishing):
    study_date, patient_age = "00080020", "00101010"
    publishing.finalize(replace(small_revision(), unreadable=(study_date, patient_age)))
    publishing.publish(STUDY, 1)
    ((kind, message),) = publishing.entries
    assert kind is ErrorKind.INVALID_TAG
    assert "StudyDate" in message
    assert "PatientAge" not in message


def test_a_date_that_is_known_in_part_is_published_in_part(publishing):
    made = replace(small_revision(), partial_dates=attributes(PatientBirthDate="1970", StudyDate="202611"))
    publishing.finalize(made)
    publishing.publish(STUDY, 1)
    assert publishing.server.only("Patient")["birthDate"] == "1970"
    assert publishing.server.only("ImagingStudy")["started"] == "2026-11"


def test_where_validation_is_enforced_it_keeps_the_study_out():
    publishing = Publishing(enforce_validation=True)
    publishing.finalize(small_revision(PatientBirthDate="19999999"))
    assert not publishing.publish(STUDY, 1).is_in_fhir
    ((kind, message),) = publishing.entries
    assert kind is ErrorKind.NOT_PUBLISHED
    assert "PatientBirthDate" in message
    assert publishing.server.transactions == []
    assert publishing.marks_removed == [1]


def test_a_server_that_does_not_answer_leaves_the_mark_and_an_entry_until_the_last_try(publishing):
    publishing.finalize(small_revision(PatientBirthDate="19999999"))
    for attempt, kind in ((None, ErrorKind.RETRYING), (LAST, ErrorKind.RETRIES_EXHAUSTED)):
        publishing.server.before_transaction = fail_with(Unavailable("down"))
        with pytest.raises(Unavailable, match="down"):
            publishing.publish(STUDY, 1, *filter(None, [attempt]))
        assert publishing.entries == [(kind, "down")]
    assert publishing.marks_removed == []
    publishing.publish(STUDY, 1)
    assert [kind for kind, _ in publishing.entries] == [ErrorKind.INVALID_TAG]


def test_what_the_server_refuses_leaves_an_entry_and_no_mark(publishing):
    publishing.finalize(small_revision())
    publishing.server.before_transaction = fail_with(Rejected(RejectReason.MALFORMED_REQUEST, "refused"))
    assert not publishing.publish(STUDY, 1).is_in_fhir
    assert publishing.entries == [(ErrorKind.FHIR_REFUSED, "refused")]
    assert publishing.marks_removed == [1]
    assert publishing.publish(STUDY, 1).is_in_fhir
    assert publishing.entries == []


def test_what_nobody_foresaw_is_an_entry_without_its_message(publishing):
    publishing.finalize(small_revision())
    publishing.server.before_transaction = fail_with(KeyError("Doe^Jane"))
    with pytest.raises(KeyError):
        publishing.publish(STUDY, 1, LAST)
    ((kind, message),) = publishing.entries
    assert kind is ErrorKind.RETRIES_EXHAUSTED
    assert "KeyError" in message
    assert "Doe" not in message


def test_a_last_try_that_finds_another_publishing_says_so(publishing):
    publishing.finalize(small_revision())
    publishing.publications.lease(STUDY, "another", now=publishing.clock.now, until=publishing.clock.now.replace(2030))
    with pytest.raises(Unavailable):
        publishing.publish(STUDY, 1, LAST)
    assert [kind for kind, _ in publishing.entries] == [ErrorKind.RETRIES_EXHAUSTED]


def test_an_event_ahead_of_the_manifest_waits(publishing):
    with pytest.raises(Unavailable, match="manifest"):
        publishing.publish(STUDY, 1)
    publishing.finalize(small_revision())
    with pytest.raises(Unavailable, match="revision 2"):
        publishing.publish(STUDY, 2)
    assert publishing.marks_removed == []


def test_a_revision_that_is_not_in_its_place_yet_waits(publishing):
    publishing.fence.numbers[STUDY] = 1
    with pytest.raises(Unavailable, match="final place"):
        publishing.publish(STUDY, 1)


def test_a_deleted_study_can_stay_as_cancelled():
    publishing = Publishing(on_delete=OnDelete.CANCEL)
    publishing.finalize(small_revision(StudyDescription="CT Thorax"))
    publishing.publish(STUDY, 1)
    publishing.finalize(revision(number=2))
    for _ in range(2):
        publishing.publish(STUDY, 2)
    study = publishing.server.only("ImagingStudy")
    assert (study["status"], study["numberOfSeries"], study["numberOfInstances"]) == ("cancelled", 0, 0)
    assert not {"series", "endpoint"} & study.keys()
    assert study["description"] == "CT Thorax"
    assert len(publishing.server.transactions) == 2


def test_an_imaging_study_that_somebody_else_wrote_of_the_same_uid_stays_his(publishing):
    theirs = {
        "resourceType": "ImagingStudy",
        "id": "theirs",
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{STUDY.study_instance_uid}"}],
    }
    publishing.server.write(theirs)
    publishing.finalize(small_revision())
    publishing.publish(STUDY, 1)
    publishing.finalize(revision(number=2))
    publishing.publish(STUDY, 2)
    assert len(publishing.server.versions["ImagingStudy/theirs"]) == 1
    assert publishing.server.only("ImagingStudy")["id"] == "theirs"


def test_two_spaces_with_the_same_study_have_an_imaging_study_each(publishing):
    other = StudyKey("other", STUDY.study_instance_uid)
    for study in (STUDY, other):
        publishing.finalize(revision(*small_revision().series, study=study))
        publishing.publish(study, 1)
    assert len(publishing.server.all("ImagingStudy")) == 2
    publishing.finalize(revision(number=2, study=other))
    publishing.publish(other, 2)
    assert publishing.server.only("ImagingStudy")["meta"]["source"].endswith("/spaces/main")


@pytest.mark.parametrize("abilities", [BY_ID, POST_ONLY], ids=["put by id", "post only"])
def test_of_two_names_that_of_the_newest_revision_stays_however_often_both_are_published(abilities):
    publishing, other = Publishing(abilities), StudyKey("main", "1.2.4")
    maiden, married = small_revision(PatientName="Maiden^Jane", PatientSex="O"), small_revision(PatientName="Doe^Jane")
    publishing.finalize(maiden)
    publishing.finalize(replace(married, study=other, created_at=married.created_at + timedelta(days=1)))
    for study in (STUDY, other, STUDY, other, STUDY):
        publishing.publish(study, 1)
    patient = publishing.server.only("Patient")
    assert patient["name"][0]["family"] == "Doe"
    assert patient["gender"] == "other"  # of which the newest says nothing
    assert publishing.version_counts()["Patient"] == 2
    publishing.finalize(replace(maiden, number=2, created_at=maiden.created_at + timedelta(days=2)))
    publishing.publish(STUDY, 2)
    assert publishing.server.only("Patient")["name"][0]["family"] == "Maiden"


def test_a_late_try_of_an_older_revision_changes_no_name_that_a_newer_one_found_right():
    publishing, studies = Publishing(), [StudyKey("main", f"1.2.{number}") for number in (4, 5, 6)]
    names, days = ["Doe^Jane", "Maiden^Jane", "Doe^Jane"], range(3)
    for study, name, day in zip(studies, names, days, strict=True):
        made = small_revision(PatientName=name)
        publishing.finalize(replace(made, study=study, created_at=made.created_at + timedelta(days=day)))
    first, late, newest = studies
    for study in (first, newest, late):
        publishing.publish(study, 1)
    assert publishing.server.only("Patient")["name"][0]["family"] == "Doe"
    assert publishing.version_counts()["Patient"] == 1


def test_a_deleted_study_that_the_server_keeps_is_cancelled_and_told_not_tried_for_ever(publishing):
    publishing.finalize(small_revision())
    publishing.publish(STUDY, 1)
    url = f"ImagingStudy/{publishing.server.only('ImagingStudy')['id']}"
    report = {"resourceType": "DiagnosticReport", "id": "theirs", "imagingStudy": [{"reference": url}]}
    publishing.server.write(report)
    publishing.finalize(revision(number=2))
    for _ in range(2):
        assert not publishing.publish(STUDY, 2).is_in_fhir
    assert publishing.server.only("ImagingStudy")["status"] == "cancelled"
    assert len(publishing.server.versions[url]) == 2
    ((kind, message),) = publishing.entries
    assert kind is ErrorKind.FHIR_REFUSED
    assert "refers to it" in message
    assert publishing.marks_removed == [1, 2, 2]
    publishing.server.delete("DiagnosticReport/theirs")
    assert publishing.publish(STUDY, 2).is_in_fhir
    assert publishing.server.all("ImagingStudy") == publishing.entries == []


def test_what_we_ourselves_find_to_be_no_fhir_is_not_told_as_refused_by_the_server(publishing):
    publishing.finalize(small_revision())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("imaging.pipeline.write_study.checked", lambda ours: checked({**ours, "status": ["no code"]}))
        assert not publishing.publish(STUDY, 1).is_in_fhir
    ((kind, message),) = publishing.entries
    assert kind is ErrorKind.NOT_PUBLISHED
    assert "valid FHIR in status" in message


def fail_with(failure):
    def fail() -> None:
        raise failure

    return fail


def test_what_others_add_stays_and_what_the_study_gave_goes_when_it_gives_it_no_more(publishing):
    publishing.finalize(small_revision(StudyDescription="ours"))
    publishing.publish(STUDY, 1)
    reasons = [{"text": "what the order says"}]
    publishing.server.write({**publishing.server.only("ImagingStudy"), "reasonCode": reasons})
    publishing.finalize(small_revision(number=2))

    publishing.publish(STUDY, 2)

    study = publishing.server.only("ImagingStudy")
    assert study["reasonCode"] == reasons
    assert "description" not in study
    written = len(publishing.server.transactions)
    publishing.publish(STUDY, 2)
    assert len(publishing.server.transactions) == written


def test_what_an_unrecorded_revision_gave_goes_too(publishing, monkeypatch):
    def dies(*_arguments):
        raise Unavailable("The table does not answer.")

    publishing.finalize(small_revision())
    publishing.publish(STUDY, 1)
    publishing.finalize(small_revision(number=2, StudyDescription="ours"))
    with monkeypatch.context() as trouble:
        trouble.setattr(publishing.publications, "published", dies)
        with pytest.raises(Unavailable):
            publishing.publish(STUDY, 2)
    assert publishing.server.only("ImagingStudy")["description"] == "ours"
    publishing.finalize(small_revision(number=3))

    publishing.publish(STUDY, 3)

    assert "description" not in publishing.server.only("ImagingStudy")
