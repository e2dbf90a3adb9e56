"""What operators are shown, and when it is called trouble."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from imaging.errors import Rejected, RejectReason
from imaging.model.completion import CompletionReason, Completions
from imaging.model.events import RevisionCounts
from imaging.model.feed import FeedHead, SpaceTotals
from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind, FhirError
from imaging.model.queues import Queue, QueueKind
from imaging.model.reconciliation import Pass, Phase, Reconciled
from imaging.model.study import Study, StudyState
from imaging.ports.manifest import CommittedRevision, PendingKind
from imaging.ports.marks import Tally
from imaging.ports.query_tags import TagRegister
from imaging.ports.queues import DeadLetter, QueueFigures
from imaging.reading.quarantine import Quarantined, ReadQuarantine
from imaging.reading.read_errors import ReadErrors, Refused
from imaging.reading.read_status import ReadStatus
from imaging.reading.status import Status
from imaging.reading.trouble import OVERDUE
from tests.fakes import START, InMemoryObjects

STUDY = StudyKey("main", "1.2.3")
INDEX = Queue("index_instance", QueueKind.INDEX_INSTANCE, "index", "index-dead")
TO_PACS = Queue("to-pacs", QueueKind.DELIVER, "pacs", "pacs-dead")
NOW = START + timedelta(days=10)
QUIET = timedelta(seconds=30)


class Deployment:
    """Everything that status and errors look at, well until a test makes it otherwise."""

    def __init__(self) -> None:
        self.head_of = {"main": FeedHead(0, 7, SpaceTotals(1, 2, 3, 4000))}
        self.tallies: dict[PendingKind, Tally] = {}
        self.studies: list[Study] = []
        self.unpublished: list[CommittedRevision] = []
        self.queue_figures = {INDEX.name: QueueFigures(0, 0, 0), TO_PACS.name: QueueFigures(0, 0, 0)}
        self.refused: list[tuple[str, StudyKey]] = []
        self.passes: dict[str, Pass] = {}
        self.letters: list[DeadLetter] = []
        self.fhir: list[FhirError] = []
        self.objects = InMemoryObjects(("main", "research"))

    def head(self, space):
        return self.head_of.get(space)

    def last_before(self, space, moment, head):
        assert moment == NOW - timedelta(hours=1)
        return 5

    def tally(self, kind, before=None, at_most=None):
        tally = self.tallies.get(kind, Tally(0))
        return tally if at_most is None else replace(tally, count=min(tally.count, at_most))

    def open_studies(self, at_most):
        return self.studies[:at_most]

    def unpublished_revisions(self, at_most):
        return self.unpublished[:at_most]

    def figures(self, queues):
        return {queue.name: self.queue_figures[queue.name] for queue in queues}

    def read_refused(self, before):
        return iter(self.refused)

    def read_register(self, space):
        return TagRegister(space)

    def peek(self, queue, at_most):
        return self.letters[:at_most]

    def read_errors(self, space, kind, *, after, limit):
        return [each for each in self.fhir if (each.study.space, each.kind) == (space, kind)][:limit], ""

    def count_errors(self, space, kind, at_most=None):
        count = sum((each.study.space, each.kind) == (space, kind) for each in self.fhir)
        return count if at_most is None else min(count, at_most)

    def status(self, count_up_to: int | None = None) -> Status:
        spaces, passes = ["main", "research"], SimpleNamespace(read=self.passes.get)
        return ReadStatus(
            *(spaces, self, self, self, self, passes, self, self),
            queues=[INDEX, TO_PACS],
            completions=Completions(QUIET),
            clock=lambda: NOW,
            count_up_to=count_up_to,
        )()

    def errors(self):
        quarantine = ReadQuarantine(self.objects, self.objects)
        read = ReadErrors(
            *(["main", "research"], self, self, self, quarantine, self, self),
            queues=[INDEX, TO_PACS],
            clock=lambda: NOW,
        )
        return read(2, lambda what: None)


@pytest.fixture
def deployment() -> Deployment:
    return Deployment()


def open_study(last_change_ago: timedelta) -> Study:
    moment = NOW - last_change_ago
    return Study(STUDY, StudyState.OPEN, 3, moment, moment, 0, None, 1, 3, ("CT",), {})


def fhir_error(kind: ErrorKind, ago: timedelta = timedelta(0), study: StudyKey = STUDY) -> FhirError:
    return FhirError(study, 3, kind, "It is refused; mend it.", 2, NOW - ago)


def unpublished(ago: timedelta) -> CommittedRevision:
    return CommittedRevision(STUDY, 1, NOW - ago, "claim", RevisionCounts(1, 3, 3, 0, 0), CompletionReason.QUIET)


def test_all_is_well_where_nothing_is_left(deployment):
    status = deployment.status()
    assert status.trouble == ()
    assert status.as_of == NOW
    assert [
        (each.space, each.instances, each.bytes, each.changes, each.changes_last_hour) for each in status.spaces
    ] == [("main", 3, 4000, 7, 2), ("research", 0, 0, 0, 0)]
    assert status.oldest_unindexed_seconds is None
    assert not deployment.errors().needs_human


def test_work_under_way_is_shown_and_is_no_trouble(deployment):
    deployment.tallies = dict.fromkeys(PendingKind, Tally(2, NOW - timedelta(seconds=50)))
    deployment.studies = [open_study(timedelta(seconds=50))]
    deployment.unpublished = [unpublished(timedelta(minutes=5)), unpublished(timedelta(minutes=50))]
    deployment.queue_figures[INDEX.name] = QueueFigures(5, 3, 0, oldest_seconds=60)
    deployment.queue_figures[TO_PACS.name] = QueueFigures(5, 3, 0, oldest_seconds=60_000)
    deployment.passes["main"] = Pass("main", "token", NOW, found=Reconciled(failed=1))

    status = deployment.status()

    assert status.trouble == ()
    assert status.waiting.studies_open == 2
    assert status.waiting.changes_unannounced_seconds == 50
    assert status.waiting.fhir_lag_seconds == 50 * 60
    assert status.waiting.commitments_pending == 2
    assert status.oldest_unindexed_seconds == 60
    assert status.reconciled[0].ended is None


def dead(deployment):
    deployment.queue_figures[INDEX.name] = QueueFigures(0, 0, 3)


def slow(deployment):
    deployment.queue_figures[INDEX.name] = QueueFigures(9, 9, 0, oldest_seconds=1801)


def refused(deployment):
    deployment.refused = [(TO_PACS.name, STUDY)] * 2


def stuck(deployment):
    deployment.tallies[PendingKind.FINALIZE] = Tally(1, NOW)
    deployment.studies = [open_study(QUIET + OVERDUE + timedelta(seconds=1))]


def untold(deployment):
    deployment.tallies[PendingKind.ANNOUNCE_CHANGE] = Tally(1, NOW - OVERDUE - timedelta(seconds=1))


def unpublished_long(deployment):
    deployment.tallies[PendingKind.PUBLISH] = Tally(1, NOW)
    deployment.unpublished = [unpublished(timedelta(hours=2))]


def not_in_fhir(deployment):
    deployment.fhir = [fhir_error(kind) for kind in (ErrorKind.INVALID_TAG, ErrorKind.RETRYING, ErrorKind.FHIR_REFUSED)]


def unreconciled(deployment):
    found = Reconciled(failed=2)
    deployment.passes["main"] = Pass("main", "token", START, Phase.DONE, ended_at=START, found=found)


@pytest.mark.parametrize(
    ("went_wrong", "said"),
    [
        (dead, "imaging explain index_instance"),
        (slow, "index_instance waits for more than half an hour"),
        (refused, "to-pacs refuses 2 deliveries"),
        (stuck, "1 study should have had a revision 15 minutes ago"),
        (untold, "log of sweep"),
        (unpublished_long, "imaging errors"),
        (not_in_fhir, "1 study could not be written to FHIR: `imaging errors --kind fhir-refused`"),
        (unreconciled, "reconcile of main could not bring up 2"),
    ],
)
def test_what_a_human_must_mend_is_said_with_what_to_do(deployment, went_wrong, said):
    went_wrong(deployment)
    (sentence,) = deployment.status().trouble
    assert said in sentence


def test_errors_have_dead_letters_with_the_oldest_and_why_a_target_refuses(deployment):
    aside = '{"set_aside": {"at": "2026-11-21T12:00:00Z", "reason": "It takes no CT."}}'
    deployment.queue_figures[TO_PACS.name] = QueueFigures(0, 0, 3)
    deployment.letters = [DeadLetter(aside, START), DeadLetter("no JSON", START - timedelta(hours=1))]
    (left,) = deployment.errors().dead_letters
    assert (left.queue, left.letters, left.looked_at) == ("to-pacs", 3, 2)
    assert left.oldest == START - timedelta(hours=1)
    assert left.reasons == {"It takes no CT.": 1}


def test_errors_count_what_was_set_aside_by_reason_and_name_no_key(deployment):
    not_dicom = Rejected(RejectReason.NOT_DICOM, "The object is not DICOM.")
    for name in ("a", "Mustermann", "z"):
        version_id = deployment.objects.put("main", f"incoming/{name}", b"x")
        reason = str(not_dicom)
        deployment.objects.set_aside("main", f"incoming/{name}", version_id, f"quarantine/{name}", reason)
    deployment.objects.put("main", "quarantine/", b"")
    deployment.objects.put("research", "quarantine/by-hand", b"x")

    found = deployment.errors()

    main, research = found.quarantine
    assert replace(main, newest=None) == Quarantined("main", 3, 2, {"The object is not DICOM.": 2}, None)
    assert research.reasons == {"no reason given: it was put there by hand": 1}
    assert "Mustermann" not in repr(found)
    assert found.needs_human


def test_errors_list_studies_that_a_target_refuses_and_revisions_long_out_of_fhir(deployment):
    deployment.refused = [("to-pacs", STUDY), ("to-pacs", STUDY), ("to-pacs", StudyKey("main", "1.2.4"))]
    deployment.unpublished = [unpublished(timedelta(hours=2)), unpublished(timedelta(minutes=2))]
    found = deployment.errors()
    assert found.refused == (Refused("to-pacs", "main", "1.2.3", 2), Refused("to-pacs", "main", "1.2.4", 1))
    assert [(each.study, each.revision) for each in found.unpublished] == [("1.2.3", 1)]


def test_status_counts_what_is_not_in_fhir_by_kind(deployment):
    in_research = StudyKey("research", "1.2.4")
    deployment.fhir = [fhir_error(ErrorKind.RETRYING), fhir_error(ErrorKind.RETRYING, study=in_research)]
    status = deployment.status()
    assert status.fhir_errors == {"retrying": 2}
    assert status.trouble == ()


def test_what_is_counted_no_further_is_said_to_be_so_many_or_more(deployment):
    kinds = [ErrorKind.FHIR_REFUSED] * 4 + [ErrorKind.NOT_PUBLISHED] * 2
    spaces = ["main", "research"] * 3
    deployment.fhir = [fhir_error(kind, study=StudyKey(*of)) for kind, *of in zip(kinds, spaces, "123456", strict=True)]
    deployment.tallies = {PendingKind.ANNOUNCE_CHANGE: Tally(1_000, NOW)}

    status = deployment.status(count_up_to=3)

    assert (status.fhir_errors, status.counted_up_to) == ({"fhir-refused": 3, "not-published": 2}, 3)
    assert status.waiting.changes_unannounced == 3
    assert [sentence.partition(" could")[0] for sentence in status.trouble] == ["2 studies", "3 or more studies"]
    in_all = deployment.status()
    assert (in_all.fhir_errors["fhir-refused"], in_all.waiting.changes_unannounced) == (4, 1_000)
    assert in_all.counted_up_to is None


def test_errors_have_what_is_not_in_fhir_by_kind_newest_first(deployment):
    ages = [timedelta(hours=hours) for hours in (1, 2, 3)]
    deployment.fhir = [fhir_error(ErrorKind.INVALID_TAG, ago) for ago in ages]
    deployment.fhir.append(fhir_error(ErrorKind.INVALID_TAG, study=StudyKey("research", "1.2.4")))
    found = deployment.errors()
    (left,) = found.fhir
    assert (left.kind, left.studies) == (ErrorKind.INVALID_TAG, 4)
    assert [(each.space, NOW - each.time) for each in left.newest] == [
        ("research", timedelta(0)),
        ("main", ages[0]),
        ("main", ages[1]),
    ]
    assert not found.needs_human

    deployment.fhir.append(fhir_error(ErrorKind.NOT_PUBLISHED))
    assert deployment.errors().needs_human
