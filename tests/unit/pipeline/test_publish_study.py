import pytest

from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.identifiers import StudyKey
from imaging.pipeline.publish_study import UNPUBLISHABLE
from tests.unit.fhir.samples import STUDY, attributes, revision, small_revision
from tests.unit.pipeline.publishing import Publishing


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


def test_two_publishers_racing_end_at_the_latest_state(publishing):
    """The slow one has read revision 1 and nothing on the server; the quick one publishes revision 2 before it."""
    publishing.finalize(small_revision(StudyDescription="first"))

    def quick() -> None:
        publishing.finalize(small_revision(number=2, StudyDescription="second"))
        publishing.publish(STUDY, 2)

    publishing.server.before_transaction = quick
    publishing.publish(STUDY, 1)
    assert publishing.server.only("ImagingStudy")["description"] == "second"


def test_two_publishers_of_a_published_study_conflict_and_the_slow_one_is_tried_again(publishing):
    publishing.finalize(small_revision(StudyDescription="first"))
    publishing.publish(STUDY, 1)
    publishing.finalize(small_revision(number=2, StudyDescription="second"))

    def quick() -> None:
        publishing.finalize(small_revision(number=3, StudyDescription="third"))
        publishing.publish(STUDY, 3)

    publishing.server.before_transaction = quick
    with pytest.raises(Unavailable):
        publishing.publish(STUDY, 2)
    assert publishing.marks_removed == [1, 3]
    publishing.publish(STUDY, 2)
    assert publishing.server.only("ImagingStudy")["description"] == "third"
    assert publishing.marks_removed == [1, 3, 2, 3]


def test_what_another_wrote_to_the_patient_meanwhile_is_not_overwritten(publishing):
    publishing.finalize(small_revision())
    publishing.publish(STUDY, 1)
    publishing.finalize(small_revision(number=2, PatientName="Roe^Jane"))
    patient = publishing.server.only("Patient")
    publishing.server.before_transaction = lambda: publishing.server.write({**patient, "active": True})
    with pytest.raises(Unavailable):
        publishing.publish(STUDY, 2)
    publishing.publish(STUDY, 2)
    assert publishing.server.only("Patient")["active"] is True
    assert publishing.server.only("Patient")["name"][0]["family"] == "Roe"


@pytest.mark.parametrize("patient_id", ["", "47\x0011"])
def test_a_study_without_a_usable_patient_id_is_refused_and_not_tried_again(publishing, patient_id):
    publishing.finalize(small_revision(PatientID=patient_id))
    with pytest.raises(Rejected) as caught:
        publishing.publish(STUDY, 1)
    assert caught.value.reason in UNPUBLISHABLE
    assert publishing.marks_removed == [1]
    assert publishing.server.transactions == []


def test_a_later_revision_with_a_patient_id_is_published(publishing):
    publishing.finalize(small_revision(PatientID=""))
    with pytest.raises(Rejected):
        publishing.publish(STUDY, 1)
    publishing.finalize(small_revision(number=2))
    publishing.publish(STUDY, 2)
    assert publishing.server.only("ImagingStudy")


@pytest.mark.parametrize(
    "failure", [Unavailable("down"), Rejected(RejectReason.MALFORMED_REQUEST, "the server refuses it")]
)
def test_what_the_server_did_not_take_keeps_its_mark(publishing, failure):
    publishing.finalize(small_revision())

    def fail() -> None:
        raise failure

    publishing.server.before_transaction = fail
    with pytest.raises(type(failure)):
        publishing.publish(STUDY, 1)
    assert publishing.marks_removed == []


def test_an_event_ahead_of_the_manifest_waits(publishing):
    with pytest.raises(Unavailable, match="manifest"):
        publishing.publish(STUDY, 1)
    publishing.finalize(small_revision())
    with pytest.raises(Unavailable, match="revision 2"):
        publishing.publish(STUDY, 2)
    assert publishing.marks_removed == []


def test_a_revision_that_is_not_in_its_place_yet_waits(publishing):
    publishing.fence.numbers[STUDY] = 1
    with pytest.raises(Unavailable, match="not in its final place"):
        publishing.publish(STUDY, 1)


def test_a_space_that_is_not_configured_is_refused(publishing):
    elsewhere = StudyKey("elsewhere", "1.2.3")
    publishing.finalize(revision(*small_revision().series, study=elsewhere))
    with pytest.raises(Rejected) as caught:
        publishing.publish(elsewhere, 1)
    assert caught.value.reason is RejectReason.NO_SUCH_SPACE
    assert publishing.marks_removed == []


def test_no_failure_tells_anything_of_the_patient(publishing):
    publishing.finalize(small_revision(PatientID="47\x0011", PatientName="Doe^Jane"))
    with pytest.raises(Rejected) as caught:
        publishing.publish(STUDY, 1)
    assert "47" not in str(caught.value)
    assert "Doe" not in str(caught.value)
