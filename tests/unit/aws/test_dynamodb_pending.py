"""Marks of revisions: who is told and who publishes take turns in any order, and no subscriber is passed over."""

from datetime import timedelta
from uuid import uuid4

import pytest

from imaging.aws.dynamodb_pending import DynamoDbPendingWork
from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import pending_mark, revision_row_key, study_names, timestamp
from imaging.model.completion import CompletionReason
from imaging.model.events import RevisionCounts
from imaging.model.identifiers import StudyKey
from imaging.ports.manifest import CommittedRevision, PendingKind
from tests.fakes import START
from tests.manifest_table import create_manifest_table

LATER = START + timedelta(hours=1)
STUDY = StudyKey("main", "1.2.3")


@pytest.fixture
def table(embedded_aws: object) -> ManifestTable:
    name = uuid4().hex
    create_manifest_table(name)
    return ManifestTable(name)


@pytest.fixture
def pending(table: ManifestTable) -> DynamoDbPendingWork:
    return DynamoDbPendingWork(table, publishes_to_fhir=True)


@pytest.fixture
def committed(table: ManifestTable, pending: DynamoDbPendingWork) -> CommittedRevision:
    """A revision that nobody has been told of."""
    table.put_if_absent(
        {
            **revision_row_key(STUDY, 7),
            **study_names(STUDY),
            "revision": 7,
            "created_at": timestamp(START),
            "reason": CompletionReason.QUIET.value,
            "claim": "claim",
            "counts": vars(RevisionCounts(1, 1, 1, 0, 0)),
            "pending": pending_mark(PendingKind.ANNOUNCE_REVISION, STUDY),
            "pending_since": timestamp(START),
        }
    )
    [revision] = pending.unannounced_revisions(LATER)
    return revision


def test_a_revision_is_announced_and_then_published(pending, committed):
    pending.revision_announced(committed, START)
    assert [each.number for each in pending.unpublished_revisions(LATER)] == [7]
    assert list(pending.unannounced_revisions(LATER)) == []
    pending.revision_published(STUDY, 7)
    assert list(pending.unpublished_revisions(LATER)) == []


def test_a_revision_published_before_it_is_announced_is_announced_all_the_same(pending, committed):
    pending.revision_published(STUDY, 7)
    assert [each.number for each in pending.unannounced_revisions(LATER)] == [7]


def test_a_revision_published_before_it_is_announced_is_published_once_more_and_not_for_ever(pending, committed):
    pending.revision_published(STUDY, 7)
    pending.revision_announced(committed, START)
    assert [each.number for each in pending.unpublished_revisions(LATER)] == [7], "its own message, or the sweep"
    pending.revision_published(STUDY, 7)
    pending.revision_announced(committed, START)  # the announcement is repeated
    assert list(pending.unpublished_revisions(LATER)) == []
    assert list(pending.unannounced_revisions(LATER)) == []


def test_a_revision_of_which_there_is_no_row_gets_none(pending, table):
    pending.revision_published(STUDY, 8)
    assert table.get(revision_row_key(STUDY, 8)) is None
