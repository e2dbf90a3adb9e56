"""The change feed on the real table: blocks, batches, totals, times, and a table that was lost."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from imaging.aws import dynamodb_feed, dynamodb_feed_source, feed_rows
from imaging.aws.clients import client
from imaging.aws.dynamodb_catalogue import DynamoDbCatalogue
from imaging.aws.dynamodb_feed_source import DynamoDbFeedSource
from imaging.aws.dynamodb_index import DynamoDbInstanceIndex
from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.feed_ceiling import CEILING_KEY, FeedCeiling
from imaging.aws.feed_rows import feed_partition, feed_row_key, head_row_key
from imaging.aws.rows import instance_partitions, study_partition, timestamp, to_item
from imaging.errors import Unavailable
from imaging.model.feed import SpaceTotals
from imaging.model.identifiers import StudyKey
from imaging.model.instance import Action
from imaging.pipeline.index_instance import IndexInstance
from imaging.ports.manifest import Change
from imaging.reading.read_feed import ChangeState, FeedQuery, ReadFeed
from tests.feed_world import PLACES, START, FeedWorld, check_feed, check_totals
from tests.instances import part10_instance, stored_metadata
from tests.manifest_table import create_manifest_table


@pytest.fixture(scope="module")
def table(embedded_aws: object) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


@pytest.fixture
def world(table: ManifestTable) -> FeedWorld:
    return FeedWorld(table)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (dynamodb_feed, dynamodb_feed_source, feed_rows):
        monkeypatch.setattr(module, "BLOCK", 5)


def test_create_update_delete_create_of_one_instance_are_four_rows_and_only_the_last_is_current(world):
    for step in ("put", "put", "delete", "put"):
        world.put(0, content=len(world.objects.versions(world.key(0).object_key, world.space)) % 3)
        if step == "delete":
            world.delete(0)
        world.index(0)
    # Nobody has told any of it until now: the feed takes all four at once, and loses none.
    (batch,) = world.feed().append([world.key(0), world.key(0)], world.clock)
    assert [change.action.value for change in batch.changes] == ["create", "update", "delete", "create"]
    assert world.states() == [
        (1, ChangeState.REPLACED),
        (2, ChangeState.REPLACED),
        (3, ChangeState.REPLACED),
        (4, ChangeState.CURRENT),
    ]
    world.do(("delete", 0))
    assert world.announce().changes([world.key(0)]) == 1
    assert {state for _, state in world.states()} == {ChangeState.DELETED}
    assert list(world.feed().append(world.keys, world.clock)) == [], "there is nothing left to tell"
    world.settle()
    check_feed(world)


def test_a_feed_of_many_blocks_is_read_from_any_number_and_by_any_time(world, small_blocks):
    for round_ in range(3):
        world.do(*(("put" if round_ % 2 == 0 else "delete", place) for place in range(PLACES)))
        for place in range(PLACES):
            assert world.announce().changes([world.key(place)]) == 1
    feed, source = world.told(), DynamoDbFeedSource(world.table)
    head = source.head(world.space)
    assert head
    assert head.last == len(feed) == 3 * PLACES
    for after in range(head.last + 1):
        for until in {after, min(after + 7, head.last), head.last}:
            assert list(source.changes(world.space, after, until)) == feed[after:until]
    for moment in (START - timedelta(1), *(change.told_at for change in feed), START + timedelta(1)):
        for at in (moment, moment + timedelta(microseconds=1)):
            earlier = [change.sequence for change in feed if change.told_at < at]
            assert source.last_before(world.space, at, head) == max(earlier, default=0)
    world.settle()
    check_feed(world)


def test_one_batch_holds_as_many_changes_as_fit_a_transaction_and_leaves_the_rest_for_the_next(world, monkeypatch):
    monkeypatch.setattr(dynamodb_feed, "_CHANGES_AT_A_TIME", 3)
    for place in (0, 0, 0, 0, 0, 1):
        world.put(place, content=len(world.objects.versions(world.key(place).object_key, world.space)))
        world.index(place)
    batches = list(world.feed().append([world.key(1), world.key(0)], world.clock))
    assert [[change.change_number for change in batch.changes] for batch in batches] == [[1, 1, 2], [3, 4, 5]]
    world.settle()
    check_feed(world)


def test_numbers_are_never_given_out_above_the_ceiling_that_the_bucket_keeps(world, small_blocks):
    ceiling = FeedCeiling(world.objects)
    assert ceiling.read(world.space) == 0
    for place, expected in [(0, 5), (1, 5), (2, 5), (3, 5), (4, 5), (5, 10)]:
        world.do(("put", place))
        world.announce().changes([world.key(place)])
        assert ceiling.read(world.space) == expected
    ceiling.raise_to(world.space, 5)
    assert ceiling.read(world.space) == 10, "it was lowered"


def test_a_ceiling_that_somebody_overwrote_stops_the_feed_and_loses_nothing(world):
    world.objects.put(world.space, CEILING_KEY, b"no json")
    world.do(("put", 0))
    with pytest.raises(Unavailable, match=CEILING_KEY):
        world.announce().changes([world.key(0)])
    world.objects.delete(world.space, CEILING_KEY)
    assert world.announce().changes([world.key(0)]) == 1


def test_a_feed_whose_table_was_lost_goes_on_above_all_its_numbers(world, small_blocks):
    world.do(*(("put", place) for place in range(6)))
    world.announce().changes(world.keys)
    lose_table(world)
    assert world.reading().latest(world.space) is None

    # What comes in next has the first number of the next block,
    world.do(("put", 7))
    assert world.announce().changes([world.key(7)]) == 1
    assert [change.sequence for change in world.told()] == [11]
    # which a reader finds that had read as far as 6, or nothing,
    for offset in (0, 6, 10):
        page = world.reading().page(FeedQuery(world.space, offset=offset))
        assert [row.change.sequence for row in page.rows] == [11]
    assert world.reading().page(FeedQuery(world.space, offset=11)).rows == ()
    # also one that asks by time, and the totals begin anew.
    page = world.reading().page(FeedQuery(world.space, start=START, end=START + timedelta(days=1)))
    assert [row.change.sequence for row in page.rows] == [11]
    check_totals(world)


def test_a_table_recovered_as_of_an_earlier_moment_gives_out_no_number_again_and_keeps_its_totals(world, small_blocks):
    # Given a table of which a new one was made as it stood at number 3, while the feed went on to 6
    world.do(*(("put", place) for place in range(3)))
    world.announce().changes(world.keys)
    earlier = [row for partition in partitions_of(world) for row in of_partition(world.table, partition)]
    world.do(*(("put", place) for place in range(3, 6)))
    world.announce().changes(world.keys)
    world.table = ManifestTable(f"recovered-{uuid4().hex}")
    create_manifest_table(world.table.name)
    world.table.put_many(earlier)

    # Then what comes in next has the first number of the next block, and so it goes on.
    for place, number in [(6, 11), (7, 12)]:
        world.do(("put", place))
        assert world.announce().changes([world.key(place)]) == 1
        assert world.reading().latest(world.space).change.sequence == number
        check_totals(world)
    assert FeedCeiling(world.objects).read(world.space) == 15


def test_a_batch_bears_the_moment_of_its_own_writer_as_its_mark_and_each_its_own(world, monkeypatch):
    world.do(("put", 0))
    world.announce(skew=timedelta(hours=1)).changes([world.key(0)])
    monkeypatch.setattr(dynamodb_feed, "_INSTANCES_AT_A_TIME", 1)
    world.do(("put", 1), ("put", 2))
    before = world.clock()
    one, other = world.feed().append([world.key(1), world.key(2)], world.clock)
    rows = [world.table.get(feed_row_key(world.space, batch.last)) for batch in (one, other)]
    assert rows[0]["time"] == rows[1]["time"] > timestamp(START + timedelta(hours=1)), "that of the feed is ahead"
    assert timestamp(before) < rows[0]["pending_since"] < rows[1]["pending_since"] < timestamp(world.clock())


def test_what_is_told_while_a_reader_goes_from_block_to_block_waits_for_its_next_page(world, small_blocks):
    world.do(*(("put", place) for place in range(6)))
    for place in range(4):
        world.announce().changes([world.key(place)])

    class InBetween:
        """A table on which, after the first query, somebody tells the last of one block and the first of the next."""

        def __init__(self) -> None:
            self.comes = iter([4, 5])

        def query(self, **query: object) -> list[object]:
            found = list(world.table.query(**query))
            for place in self.comes:
                world.announce().changes([world.key(place)])
            return found

        def __getattr__(self, name: str) -> object:
            return getattr(world.table, name)

    def page(table: object, offset: int) -> list[int]:
        reading = ReadFeed(DynamoDbFeedSource(table), DynamoDbCatalogue(world.table), world.objects)
        return [row.change.sequence for row in reading.page(FeedQuery(world.space, offset=offset)).rows]

    assert page(InBetween(), 3) == [4]
    assert page(world.table, 4) == [5, 6]


def test_time_never_goes_back_when_clocks_differ(world):
    for place, skew in enumerate((5, -3600, 3600, 0)):
        world.do(("put", place))
        world.announce(skew=timedelta(seconds=skew)).changes([world.key(place)])
    times = [change.told_at for change in world.told()]
    assert times == sorted(times)
    assert times[3] == times[2], "told by a clock that is behind, at the moment of the one before"


def test_the_same_data_set_in_a_file_of_another_length_is_no_change_and_counts_in_bytes(world):
    world.do(("put", 0))
    world.announce().changes([world.key(0)])
    index = DynamoDbInstanceIndex(world.table)
    before = index.read_instance(world.key(0))
    assert before
    after = replace(before, version_id="another", size_bytes=before.size_bytes + 77)
    assert index.record_changes([Change(before, after, None)], world.clock()) == []
    assert world.announce().changes([world.key(0)]) == 0
    assert len(world.told()) == 1
    assert world.totals() == SpaceTotals(studies=1, series=1, instances=1, bytes=after.size_bytes)
    check_totals(world)


def test_an_event_is_told_by_the_sweeper_if_who_appended_the_batch_died_before_it(world):
    world.do(("put", 0))
    (batch,) = world.feed().append([world.key(0)], world.clock)
    assert world.events == []
    world.settle()
    assert [event.detail["change_number"] for event in world.events] == [batch.changes[0].change_number]
    assert batch.changes[0].action is Action.CREATE


def test_hundreds_of_instances_are_told_in_transactions_that_dynamodb_takes(table):
    world = FeedWorld(table)
    keys = []
    for number in range(250):
        key = world.key(number % PLACES)
        keys.append(replace(key, sop_instance_uid=f"1.2.3.{number}"))
    for key in keys:
        part10 = part10_instance(key)
        world.objects.put(world.space, key.object_key, part10, stored_metadata(part10, world.clock()))
    assert IndexInstance(world.objects, DynamoDbInstanceIndex(table), world.clock)(keys) == {}
    sizes = [len(batch.changes) for batch in world.feed().append(keys, world.clock)]
    assert sizes == [95, 95, 60]
    assert [change.key for change in world.told()] == keys


def lose_table(world: FeedWorld) -> None:
    """Delete every row of the space, as if the table were new."""
    for partition in partitions_of(world):
        for row in list(of_partition(world.table, partition)):
            client("dynamodb").delete_item(TableName=world.table.name, Key=to_item({"pk": row["pk"], "sk": row["sk"]}))


def partitions_of(world: FeedWorld) -> list[str]:
    studies = {StudyKey(world.space, key.study_instance_uid) for key in world.keys}
    return [
        head_row_key(world.space)["pk"],
        *(feed_partition(world.space, number) for number in (1, 6, 11)),
        *(partition for study in studies for partition in (study_partition(study), *instance_partitions(study))),
    ]


def of_partition(table: ManifestTable, partition: str) -> Iterator[dict[str, object]]:
    return table.query(KeyConditionExpression="pk = :pk", ExpressionAttributeValues=to_item({":pk": partition}))
