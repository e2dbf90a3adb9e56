"""Marks counted in their index, over all its shards and pages."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from imaging.aws.dynamodb_fence import DynamoDbStudyFence
from imaging.aws.dynamodb_marks import DynamoDbMarks
from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import instance_row_key, pending_mark, revision_row_key, study_names, study_row_key, timestamp
from imaging.model.completion import CompletionReason
from imaging.model.events import RevisionCounts
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.queues import Queue, QueueKind
from imaging.model.study import StudyState
from imaging.pipeline.redrive_letters import RedriveLetters
from imaging.ports.manifest import PendingKind
from imaging.ports.marks import Tally, untold_before
from imaging.ports.queues import DeadLetter
from tests.fakes import START
from tests.manifest_table import create_manifest_table

STUDIES = [StudyKey("main", f"1.2.{number}") for number in range(20)]


@pytest.fixture
def table(embedded_aws: object) -> ManifestTable:
    name = uuid4().hex
    create_manifest_table(name)
    return ManifestTable(name)


def open_study(table: ManifestTable, study: StudyKey, since: datetime) -> None:
    table.put_if_absent(
        {
            **study_row_key(study),
            **study_names(study),
            "state": StudyState.OPEN.value,
            "changes": 1,
            "opened_at": timestamp(since),
            "last_change_at": timestamp(since),
            "pending": pending_mark(PendingKind.FINALIZE, study),
            "pending_since": timestamp(since),
        }
    )


def revise(table: ManifestTable, study: StudyKey, mark: PendingKind | None) -> None:
    table.put_if_absent(
        {
            **revision_row_key(study, 1),
            **study_names(study),
            "revision": 1,
            "created_at": timestamp(START),
            "reason": CompletionReason.QUIET.value,
            "claim": "claim",
            "counts": vars(RevisionCounts(1, 1, 1, 0, 0)),
            **({"pending": pending_mark(mark, study), "pending_since": timestamp(START)} if mark else {}),
        }
    )


def test_counts_the_marks_of_a_kind_and_finds_the_oldest(table):
    for hours, study in enumerate(STUDIES):
        open_study(table, study, START + timedelta(hours=hours))
    revise(table, STUDIES[0], PendingKind.PUBLISH)
    marks = DynamoDbMarks(table)

    assert marks.tally(PendingKind.FINALIZE) == Tally(20, START)
    assert marks.tally(PendingKind.FINALIZE, START + timedelta(hours=5)) == Tally(5, START)
    assert [marks.tally(PendingKind.FINALIZE, at_most=at_most).count for at_most in (1, 7, 19, 21)] == [1, 7, 19, 20]
    assert marks.tally(PendingKind.FINALIZE, START) == marks.tally(PendingKind.ANNOUNCE_CHANGE) == Tally(0, None)
    assert (marks.oldest(PendingKind.FINALIZE), marks.oldest(PendingKind.ANNOUNCE_CHANGE)) == (START, None)
    assert {study.key for study in marks.open_studies(100)} == set(STUDIES)
    assert len(marks.open_studies(7)) == 7


def test_says_what_a_revision_waits_for(table):
    for study, mark in zip(STUDIES, (PendingKind.PUBLISH, PendingKind.ANNOUNCE_REVISION, None), strict=False):
        revise(table, study, mark)
    marks = DynamoDbMarks(table)

    assert marks.mark_of_revision(STUDIES[0], 1) is PendingKind.PUBLISH
    assert marks.mark_of_revision(STUDIES[1], 1) is PendingKind.ANNOUNCE_REVISION
    assert marks.mark_of_revision(STUDIES[2], 1) is None
    assert marks.mark_of_revision(STUDIES[3], 1) is None
    assert marks.unpublished_revisions(10) == [DynamoDbStudyFence(table).read_revision(STUDIES[0], 1)]


class Letters:
    """The letters of what the stream could not be told."""

    def __init__(self, *bodies: str) -> None:
        self.left = [DeadLetter(body, START) for body in bodies]

    def remove(self, queue, wanted, progress):
        before = len(self.left)
        self.left = [letter for letter in self.left if not wanted(letter)]
        return before - len(self.left)


def test_letters_of_the_stream_are_removed_when_all_of_their_time_is_told(table):
    key = InstanceKey("main", "1.2.3", "1.2.3.4", "1.2.3.4.5")
    mark = {"pending": pending_mark(PendingKind.ANNOUNCE_CHANGE, key.study), "pending_since": timestamp(START)}
    table.put_if_absent({**instance_row_key(key), **mark})
    marks, queue = DynamoDbMarks(table), Queue("announce_change", QueueKind.ANNOUNCE_CHANGE, "", "dead")
    position = '{"DDBStreamBatchInfo": {"approximateArrivalOfLastRecord": "2026-11-21T%s:00:00Z"}}'
    earlier, later = position % "10", position % "12"
    letters = Letters(earlier, later, "no position")

    assert untold_before(marks, START) == 1
    assert RedriveLetters(letters, marks)(queue, None, lambda *_: None) == 1
    assert [letter.body for letter in letters.left] == [later, "no position"]

    table.update(instance_row_key(key), UpdateExpression="REMOVE pending, pending_since")
    assert RedriveLetters(letters, marks)(queue, START, lambda *_: None) == 0
    assert RedriveLetters(letters, marks)(queue, START + timedelta(seconds=1), lambda *_: None) == 1
    assert [letter.body for letter in letters.left] == ["no position"]
