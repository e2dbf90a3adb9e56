"""A manifest that was lost comes back from the bucket: its feed goes on above and tells what is there now."""

from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from imaging.aws.clients import client
from imaging.aws.dynamodb_feed import DynamoDbChangeFeed
from imaging.aws.dynamodb_feed_source import DynamoDbFeedSource
from imaging.aws.dynamodb_index import DynamoDbInstanceIndex
from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.feed_rows import feed_partition, head_row_key
from imaging.aws.rows import to_item
from imaging.model.feed import BLOCK, SpaceTotals
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Instance
from tests.manifest_table import create_manifest_table
from tests.unit.pipeline.test_fence import World, lose_manifest, mutations


@pytest.fixture(scope="module")
def table(embedded_aws: object) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    batches=st.lists(mutations, min_size=1, max_size=3),
    late=mutations,
    comes_first=st.sets(st.integers(0, 3)),
)
# An instance of which no revision has anything, and that is stored again after the loss,
@example(batches=[[("put", 0, 0), ("put", 1, 0), ("delete", 0)]], late=[("put", 0, 0)], comes_first=set())
@example(batches=[[("put", 1, 0)], [("put", 0, 0), ("put", 0, 1)]], late=[("put", 0, 1)], comes_first={0})
# one that ends with the bytes of the revision: gone and stored again, overwritten twice,
@example(batches=[[("put", 0, 0)], [("delete", 0), ("put", 0, 0)]], late=[("delete", 1)], comes_first=set())
@example(batches=[[("put", 0, 0)], [("put", 0, 1), ("put", 0, 0)]], late=[("delete", 1)], comes_first={0})
# and one that a revision has, and the next one has not.
@example(batches=[[("put", 0, 0)], [("put", 0, 1), ("delete", 0)]], late=[("put", 0, 0)], comes_first={0})
def test_a_rebuilt_feed_tells_everything_that_is_there_and_its_totals_are_right(table, batches, late, comes_first):
    world = World(table)
    for batch in batches:
        happen(world, batch)
        world.finalize()(world.study)
        tell(world)
    lost = DynamoDbFeedSource(table).head(world.space)
    # Of a study without a revision nothing comes back: its numbers begin at 1.
    has_history = any(world.revisions())
    told_before = {row.key: row for row in world.fence.read_instances(world.study)} if has_history else {}
    check_totals(world)

    # Given a table that is lost, and events that bring some instances before anybody reconciles,
    lose_manifest(world)
    lose_feed(world)
    happen(world, late, index=False)
    world.index()(map(world.key, sorted(comes_first)))
    # when it is rebuilt, and everything left to do is done,
    world.reconcile()(world.space)
    world.settle()
    tell(world)

    # then all that is there is told, no number that was given out before is told of anything else,
    check_numbers(world, told_before)
    check_feed(world, begins_after=BLOCK if lost and lost.last else 0)
    # what it adds up to is what the rows say, and every instance goes on above its number.
    check_totals(world)
    check_next_changes(world, told_before)


def happen(world: World, script, *, index: bool = True) -> None:
    for verb, *arguments in script:
        getattr(world, verb)(*arguments)
        if index:
            world.index()([world.key(arguments[0])])


def tell(world: World) -> None:
    list(DynamoDbChangeFeed(world.table, world.objects).append(world.keys, world.clock))


def check_totals(world: World) -> None:
    present = [row for row in world.fence.read_instances(world.study) if not row.deleted]
    head = DynamoDbFeedSource(world.table).head(world.space)
    assert (head.totals if head else SpaceTotals()) == SpaceTotals(
        studies=len({row.key.study for row in present}),
        series=len({row.key.series_instance_uid for row in present}),
        instances=len(present),
        bytes=sum(row.size_bytes for row in present),
    )


def check_numbers(world: World, told_before: dict[InstanceKey, Instance]) -> None:
    for row in world.fence.read_instances(world.study):
        if before := told_before.get(row.key):
            assert row.change_number >= before.change_number, "a number is given out again"
            if row.change_number == before.change_number:
                assert row.deleted == before.deleted
                assert row.deleted or row.arrival.is_identical_to(before.arrival), "a number is given out for another"


def check_feed(world: World, *, begins_after: int) -> None:
    source = DynamoDbFeedSource(world.table)
    present = {row.key: row.change_number for row in world.fence.read_instances(world.study) if not row.deleted}
    head = source.head(world.space)
    if head is None:
        assert not present
        return
    feed = list(source.changes(world.space, head.begins_after, head.last))
    assert head.begins_after == begins_after
    assert [change.sequence for change in feed] == list(range(head.begins_after + 1, head.last + 1))
    newest = {change.key: change.change_number for change in feed}
    assert present.items() <= newest.items()
    assert len({(change.key, change.change_number) for change in feed}) == len(feed), "a change told twice"


def check_next_changes(world: World, told_before: dict[InstanceKey, Instance]) -> None:
    for place, key in enumerate(world.keys):
        happen(world, [("put", place, 0), ("put", place, 1)])  # one of them is a change
        row = DynamoDbInstanceIndex(world.table).read_instance(key)
        assert row is not None
        assert key not in told_before or row.change_number > told_before[key].change_number


def lose_feed(world: World) -> None:
    """Delete every row of the feed, as if the table were new."""
    for partition in (head_row_key(world.space)["pk"], feed_partition(world.space, 1)):
        rows = world.table.query(
            KeyConditionExpression="pk = :pk", ExpressionAttributeValues=to_item({":pk": partition})
        )
        for row in list(rows):
            client("dynamodb").delete_item(TableName=world.table.name, Key=to_item({"pk": row["pk"], "sk": row["sk"]}))
