from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest

from imaging.aws.dynamodb_feed import DynamoDbChangeFeed
from imaging.aws.dynamodb_table import ManifestTable
from imaging.pipeline.sweep import Grace, Sweep
from tests.feed_world import FeedWorld, OfOneSpace
from tests.manifest_table import create_manifest_table


@pytest.fixture(scope="module")
def table(embedded_aws: object) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


class OfBothSpaces(OfOneSpace):
    """The marks of two spaces, in the order of their age."""

    def unannounced_changes(self, before: datetime) -> list:
        return sorted(self._pending.unannounced_changes(before), key=lambda key: key.sop_instance_uid)


def test_what_fhir_has_not_taken_is_told_again_only_when_its_queue_has_given_up():
    """And it is not told on and on while a server is down: the queue tries again by itself."""
    now = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
    tries, longest_wait = 14, timedelta(minutes=16)  # a try included
    ages = {1: timedelta(minutes=15), 2: tries * longest_wait, 3: timedelta(hours=5), 4: timedelta(days=2)}
    marks = OnlyUnpublished({number: now - age for number, age in ages.items()})
    sweep = Sweep(marks, None, marks, quiet=timedelta(0), clock=lambda: now)
    assert [sweep(Grace()).publications for _ in range(10)] == [1] + [0] * 9
    assert marks.told == [3]


class OnlyUnpublished:
    """The marks of revisions that were announced and are not published, by number; and who announces them."""

    def __init__(self, marked_at: dict[int, datetime]) -> None:
        self._marked_at = marked_at
        self._created_at = dict(marked_at)
        self.told: list[int] = []

    def __getattr__(self, name: str):
        return lambda *_: iter(())

    def unpublished_revisions(self, before: datetime) -> list:
        overdue = [number for number, at in self._marked_at.items() if at <= before]
        return [SimpleNamespace(number=number, created_at=self._created_at[number]) for number in overdue]

    def revision_again(self, revision: SimpleNamespace) -> None:
        self.told.append(revision.number)
        self._marked_at[revision.number] = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)


def test_changes_of_a_space_that_is_not_configured_any_more_hold_up_no_other(table):
    removed, kept = FeedWorld(table), FeedWorld(table)
    for world in (removed, kept):
        world.do(("put", 0), ("put", 1))
    # The buckets that the sweeper knows are those of one space; both have marks, in one batch.
    sweep = Sweep(
        OfBothSpaces(kept.pending(None), kept.space),
        None,
        kept.announce(),
        quiet=timedelta(0),
        clock=lambda: kept.clock(timedelta(days=1)),
    )
    swept = sweep(Grace.of_seconds(0))
    assert (swept.changes, swept.failed) == (2, 1)
    assert len(kept.told()) == 2
    assert removed.told() == []
    # It is told when the space is there again.
    told = list(DynamoDbChangeFeed(table, removed.objects).append(removed.keys, removed.clock))
    assert sum(len(batch.changes) for batch in told) == 2
