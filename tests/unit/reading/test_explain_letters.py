"""What is said of dead letters: true of what is there now, and without a word of a patient."""

import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote_plus

import pytest

from imaging.errors import Unavailable
from imaging.model.completion import CompletionReason
from imaging.model.delivery import Delivery, Outcome
from imaging.model.events import RevisionCounts
from imaging.model.identifiers import InstanceKey
from imaging.model.publication import ErrorKind, FhirError
from imaging.model.queues import Queue, QueueKind
from imaging.model.study import Study, StudyState
from imaging.ports.manifest import CommittedRevision, PendingKind
from imaging.ports.marks import Tally
from imaging.ports.queues import DeadLetter
from imaging.reading import explain_arrival
from imaging.reading.explain_arrival import ExplainArrival
from imaging.reading.explain_delivery import ExplainDelivery
from imaging.reading.explain_letters import ExplainLetters
from imaging.reading.explain_study import ExplainStudy
from imaging.reading.explanation import Cause, Explanation
from tests.fakes import START, InMemoryLedger, InMemoryObjects
from tests.instances import part10_instance
from tests.unit.reading.stored_instances import stored_instance

KEY = InstanceKey("main", "1.2.3", "1.2.3.4", "1.2.3.4.5")
BUCKET = "the-bucket"
DROPPED = "incoming/Mustermann^Erika 1950/scan.dcm"


class Manifest:
    """Rows, revisions and marks, as a test puts them there."""

    def __init__(self) -> None:
        self.instances, self.studies, self.revisions, self.marks = {}, {}, {}, {}
        self.fhir_errors: list[FhirError] = []
        self.untold = 0

    def read_errors_of(self, study):
        return self.fhir_errors

    def read_instance(self, key):
        return self.instances.get(key)

    def read_study(self, study):
        return self.studies.get(study)

    def read_revision(self, study, number):
        return self.revisions.get((study, number))

    def mark_of_revision(self, study, number):
        return self.marks.get((study, number))

    def tally(self, kind, before=None):
        return Tally(self.untold if kind is PendingKind.ANNOUNCE_CHANGE else 0)


class World:
    """Everything an explanation looks at, and one letter."""

    def __init__(self) -> None:
        self.objects, self.manifest, self.ledger = InMemoryObjects(), Manifest(), InMemoryLedger()
        self.letters: list[DeadLetter] = []

    def peek(self, queue, at_most):
        return self.letters[:at_most]

    def explain(self, kind: QueueKind, body: object, **letter: object) -> Explanation:
        self.letters = [DeadLetter(body if isinstance(body, str) else json.dumps(body), START, **letter)]
        explain = ExplainLetters(
            self,
            ExplainArrival(self.objects, self.manifest, {BUCKET: "main"}),
            ExplainStudy(self.manifest, self.manifest, self.manifest),
            ExplainDelivery(self.ledger),
        )
        (explained,) = explain(Queue("to-pacs", kind, "", ""), 10)
        assert explained.sent_at == START
        (piece,) = explained.work
        assert "Mustermann" not in repr(piece)
        return piece


@pytest.fixture
def world() -> World:
    return World()


def notified(object_key: str, version_id: str | None = None, bucket: str = BUCKET) -> dict[str, object]:
    named = {"key": quote_plus(object_key)} | ({"versionId": version_id} if version_id else {})
    return {
        "Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": bucket}, "object": named}}],
    }


def index(world: World, object_key: str = KEY.object_key, **of: str) -> Explanation:
    return world.explain(QueueKind.INDEX_INSTANCE, notified(object_key, **of))


class TestIndexing:
    def test_an_instance_that_can_be_read_was_only_hindered(self, world):
        world.objects.put("main", KEY.object_key, part10_instance(KEY))
        explained = index(world)
        assert explained.cause is Cause.NOT_DONE
        assert "log of index_instance" in explained.mend
        assert explained.about["instance"] == KEY.sop_instance_uid
        assert explained.about["bytes"].isdecimal()

    def test_an_instance_that_was_indexed_meanwhile_needs_nothing(self, world):
        world.manifest.instances[KEY] = stored_instance(world.objects, part10_instance(KEY))
        assert index(world).cause is Cause.DONE_SINCE

    def test_a_newer_version_than_the_indexed_one_is_still_to_do(self, world):
        world.manifest.instances[KEY] = stored_instance(world.objects, part10_instance(KEY))
        world.objects.put("main", KEY.object_key, part10_instance(KEY, InstanceNumber=2))
        assert index(world).cause is Cause.NOT_DONE

    def test_an_object_that_is_gone_and_whose_row_is_there_is_a_deletion_to_record(self, world):
        row = stored_instance(world.objects, part10_instance(KEY))
        world.manifest.instances[KEY] = row
        world.objects.delete("main", KEY.object_key)
        explained = index(world)
        assert explained.cause is Cause.GONE
        assert "records the deletion" in explained.mend

    def test_an_object_that_is_gone_without_a_row_needs_nothing(self, world):
        explained = index(world)
        assert explained.cause is Cause.GONE
        assert "finds nothing to do" in explained.mend

    def test_what_is_not_dicom_says_so(self, world):
        world.objects.put("main", KEY.object_key, b"Erika Mustermann" * 100)
        explained = index(world)
        assert explained.cause is Cause.NOT_DICOM
        assert "quarantine/" in explained.mend

    def test_a_place_that_names_no_instance_is_told_by_a_digest(self, world):
        object_key = KEY.object_key.replace("1.2.3.4.5", "Mustermann")
        world.objects.put("main", object_key, b"x")
        explained = index(world, object_key)
        assert explained.cause is Cause.NOT_DICOM
        assert explained.about["object"].startswith("sha256:")

    def test_what_makes_our_reader_fail_is_called_a_fault_of_ours(self, world, monkeypatch):
        def fail(_: object) -> None:
            raise ZeroDivisionError("Mustermann")

        monkeypatch.setattr(explain_arrival, "read_outline", fail)
        world.objects.put("main", KEY.object_key, part10_instance(KEY))
        explained = index(world)
        assert explained.cause is Cause.UNREADABLE
        assert "ZeroDivisionError" in explained.why

    def test_a_bucket_that_does_not_answer_while_it_is_read_is_the_cause(self, world, monkeypatch):
        def fail(_: object) -> None:
            raise Unavailable("AWS failed reading an object (SlowDown); it is tried again.")

        monkeypatch.setattr(explain_arrival, "read_outline", fail)
        world.objects.put("main", KEY.object_key, part10_instance(KEY))
        assert "SlowDown" in index(world).why

    def test_a_bucket_of_somebody_else_is_none_of_ours(self, world):
        assert index(world, bucket="other").cause is Cause.NOT_OURS


class TestDrops:
    def drop(self, world: World, body: bytes) -> Explanation:
        version_id = world.objects.put("main", DROPPED, body)
        return world.explain(QueueKind.STORE_DROP, notified(DROPPED, version_id))

    def test_a_drop_that_left_was_dealt_with(self, world):
        explained = world.explain(QueueKind.STORE_DROP, notified(DROPPED, "v7"))
        assert explained.cause is Cause.DONE_SINCE

    def test_a_drop_that_can_be_read_was_only_hindered(self, world):
        explained = self.drop(world, part10_instance(KEY))
        assert explained.cause is Cause.NOT_DONE
        assert explained.about["object"] == explain_arrival.digest_of(DROPPED)
        assert set(explained.about) == {"space", "object", "bytes", "stored"}

    def test_a_drop_that_is_no_instance_will_be_set_aside(self, world):
        assert self.drop(world, b"Mustermann").cause is Cause.NOT_DICOM


BODY = {"space": "main", "study": KEY.study_instance_uid}
ROW = Study(KEY.study, StudyState.OPEN, 3, START, START, 1, None, 1, 1, ("CT",), {})


class TestStudies:
    def test_a_study_without_rows_asks_for_a_reconcile(self, world):
        explained = world.explain(QueueKind.FINALIZE_STUDY, BODY)
        assert explained.cause is Cause.NOT_INDEXED
        assert "imaging reconcile --space main" in explained.mend

    def test_a_study_that_is_final_was_dealt_with(self, world):
        world.manifest.studies[KEY.study] = replace(ROW, state=StudyState.FINAL)
        assert world.explain(QueueKind.FINALIZE_STUDY, BODY).cause is Cause.DONE_SINCE

    def test_a_study_that_is_open_says_since_when(self, world):
        world.manifest.studies[KEY.study] = ROW
        explained = world.explain(QueueKind.FINALIZE_STUDY, BODY, tries=5)
        assert explained.cause is Cause.NOT_DONE
        assert START.isoformat(timespec="seconds") in explained.why

    def publish(self, world: World, **letter: object) -> Explanation:
        return world.explain(QueueKind.PUBLISH_STUDY, {"detail": {**BODY, "revision": 2}}, **letter)

    def test_a_revision_without_a_row_asks_for_a_reconcile(self, world):
        assert self.publish(world).cause is Cause.NOT_INDEXED

    def test_a_revision_is_published_or_the_fhir_server_refuses_it(self, world):
        counts = RevisionCounts(1, 1, 1, 0, 0)
        committed = CommittedRevision(KEY.study, 2, START, "claim", counts, CompletionReason.QUIET)
        world.manifest.revisions[KEY.study, 2] = committed
        assert self.publish(world).cause is Cause.DONE_SINCE
        world.manifest.marks[KEY.study, 2] = PendingKind.PUBLISH
        assert self.publish(world).cause is Cause.REFUSED
        unsent = self.publish(world, attributes={"ERROR_CODE": "SDK_CLIENT_ERROR"})
        assert (unsent.cause, "EventBridge" in unsent.why) == (Cause.NOT_DONE, True)

    def test_a_revision_that_failed_last_is_explained_in_the_words_of_its_entry(self, world):
        counts = RevisionCounts(1, 1, 1, 0, 0)
        world.manifest.revisions[KEY.study, 2] = CommittedRevision(KEY.study, 2, START, "claim", counts)
        left_out = FhirError(KEY.study, 2, ErrorKind.INVALID_TAG, "StudyDate is no date.", 1, START)
        world.manifest.fhir_errors = [left_out]
        assert self.publish(world).cause is Cause.DONE_SINCE
        failed = replace(left_out, kind=ErrorKind.RETRIES_EXHAUSTED, message="The server did not answer.")
        world.manifest.fhir_errors = [left_out, failed]
        explained = self.publish(world)
        assert (explained.cause, explained.why) == (Cause.REFUSED, "The server did not answer.")

    def test_records_of_the_stream_are_told_or_not_by_their_marks(self, world):
        position = {"batchSize": 3, "approximateArrivalOfLastRecord": "2026-11-21T12:00:00Z"}
        body = {"DDBStreamBatchInfo": position}
        assert world.explain(QueueKind.ANNOUNCE_CHANGE, body).cause is Cause.DONE_SINCE
        world.manifest.untold = 2
        explained = world.explain(QueueKind.ANNOUNCE_CHANGE, body)
        assert (explained.cause, explained.why[:2]) == (Cause.NOT_DONE, "2 ")


EVENT = {
    "detail": {
        "space": "main",
        "study": KEY.study_instance_uid,
        "series": KEY.series_instance_uid,
        "instance": KEY.sop_instance_uid,
        "change_number": 1,
    }
}


class TestDeliveries:
    def entry(self, outcome: Outcome, reason: str = "", tries: int = 1) -> Delivery:
        return Delivery("to-pacs", KEY, 1, outcome, START - timedelta(hours=1), tries, reason)

    def test_a_refused_delivery_brings_its_reason(self, world):
        aside = {"at": START.isoformat(), "reason": "It takes no CT."}
        explained = world.explain(QueueKind.DELIVER, {**EVENT, "set_aside": aside})
        assert explained.cause is Cause.REFUSED
        assert "It takes no CT." in explained.why
        assert explained.about["binding"] == "to-pacs"

    def test_a_delivery_that_ran_out_of_tries_says_what_the_ledger_has(self, world):
        world.ledger.swap(None, self.entry(Outcome.RETRYING, "The target answers 503.", 100))
        explained = world.explain(QueueKind.DELIVER, EVENT, tries=100)
        assert explained.cause is Cause.NOT_DONE
        assert "100 tries" in explained.why
        assert "503" in explained.why

    def test_a_delivery_that_another_message_made_needs_nothing(self, world):
        world.ledger.swap(None, self.entry(Outcome.DELIVERED))
        assert world.explain(QueueKind.DELIVER, EVENT).cause is Cause.DONE_SINCE

    def test_an_earlier_version_that_was_delivered_says_nothing_of_this_one(self, world):
        world.ledger.swap(None, self.entry(Outcome.DELIVERED))
        later = {"detail": {**EVENT["detail"], "change_number": 2}}
        assert world.explain(QueueKind.DELIVER, later).cause is Cause.NOT_DONE

    def test_a_revision_that_another_took_the_place_of_is_as_that_one_is(self, world):
        detail = {"space": "main", "study": KEY.study_instance_uid, "revision": 1}
        superseded = Delivery("to-pacs", KEY.study, 1, Outcome.SUPERSEDED, START)
        refused = Delivery("to-pacs", KEY.study, 2, Outcome.REFUSED, START, 1, "It takes no CT.")
        world.ledger.swap(None, superseded)
        world.ledger.swap(None, refused)
        assert world.explain(QueueKind.DELIVER, {"detail": detail}).cause is Cause.REFUSED
        world.ledger.swap(refused, refused.settled(Outcome.DELIVERED, START))
        assert world.explain(QueueKind.DELIVER, {"detail": detail}).cause is Cause.DONE_SINCE

    def test_a_revision_that_nobody_wrote_down_was_not_taken(self, world):
        detail = {"space": "main", "study": KEY.study_instance_uid, "revision": 2}
        assert world.explain(QueueKind.DELIVER, {"detail": detail}).cause is Cause.NOT_DONE


@pytest.mark.parametrize("kind", QueueKind)
@pytest.mark.parametrize("body", ["Mustermann", "[]", "{}", '{"detail": 7}', '{"Records": [{}]}', '{"Records": 3}'])
def test_a_message_that_no_process_sends_is_not_shown(world, kind, body):
    explained = world.explain(kind, body)
    assert explained.cause is Cause.NOT_OURS
    assert explained.about == {}
