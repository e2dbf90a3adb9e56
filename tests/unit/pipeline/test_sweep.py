from datetime import datetime, timedelta
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
