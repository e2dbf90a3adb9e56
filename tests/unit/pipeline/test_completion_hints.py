"""Hints that finish a study before it has been quiet, and what makes them worthless."""

from datetime import timedelta
from uuid import uuid4

import pytest

from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.manifest_stream import read_stream_record
from imaging.aws.rows import study_row_key, timestamp, to_item
from imaging.model.completion import SETTLE, CompletionReason
from imaging.pipeline.finalize_study import Finalized
from imaging.settings import Hint
from tests.manifest_table import create_manifest_table
from tests.unit.pipeline.test_fence import World, check_counts, check_history

A_DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def table(embedded_aws: object) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


@pytest.fixture
def world(table: ManifestTable) -> World:
    return World(table, quiet=A_DAY, finish_on=frozenset(Hint))


def store(world: World, *places: int, expected_instances: int | None = None) -> None:
    for place in places:
        world.put(place, 0, expected_instances)


def index(world: World, *places: int) -> None:
    assert world.index()([world.key(place) for place in places]) == {}


def release(world: World) -> Finalized:
    """The association is released; the finalizer hears of it when what was stored has had time to be indexed."""
    released_at = world.clock()
    world.clock.skipped += SETTLE
    return world.finalize()(world.study, released_at)


def reasons(world: World) -> list[CompletionReason]:
    return [revision.reason for revision in world.revisions()]


def test_a_released_association_finishes_what_it_stored(world):
    store(world, 0, 1)
    index(world, 0, 1)
    assert release(world) is Finalized.REVISED
    assert reasons(world) == [CompletionReason.ASSOCIATION_RELEASED]
    check_counts(world)


def test_in_a_space_that_does_not_ask_for_hints_the_quiet_period_counts(table):
    world = World(table, quiet=A_DAY)
    store(world, 0, expected_instances=1)
    index(world, 0)
    assert release(world) is Finalized.NOT_DUE_YET
    world.clock.skipped += A_DAY
    assert world.finalize()(world.study) is Finalized.REVISED
    assert reasons(world) == [CompletionReason.QUIET]


def test_a_release_waits_for_what_the_association_stored_and_nobody_has_indexed(world):
    store(world, 0, 1)
    index(world, 0)
    assert release(world) is Finalized.STILL_INDEXING
    index(world, 1)
    assert world.finalize()(world.study) is Finalized.REVISED
    assert [len(revision.additions) for revision in world.revisions()] == [2]


def test_a_release_before_anything_is_indexed_is_heard_later(world):
    store(world, 0)
    assert release(world) is Finalized.NOT_KNOWN_YET
    index(world, 0)
    assert release(world) is Finalized.REVISED


def test_a_release_may_come_before_the_study_opens_again(world):
    store(world, 0)
    index(world, 0)
    assert release(world) is Finalized.REVISED
    store(world, 1)
    assert release(world) is Finalized.NOTHING_OPEN
    index(world, 1)
    assert world.finalize()(world.study) is Finalized.REVISED
    assert reasons(world) == [CompletionReason.ASSOCIATION_RELEASED] * 2


def test_a_release_does_not_count_when_something_was_stored_after_it(world):
    store(world, 0)
    index(world, 0)
    released_at = world.clock()
    store(world, 1)
    index(world, 1)
    world.clock.skipped += SETTLE
    assert world.finalize()(world.study, released_at) is Finalized.NOT_DUE_YET
    assert release(world) is Finalized.REVISED, "the later association was released as well"


def test_a_release_does_not_count_when_something_was_stored_after_it_that_is_not_indexed_yet(world):
    store(world, 0)
    index(world, 0)
    released_at = world.clock()
    store(world, 1)
    world.clock.skipped += SETTLE
    assert world.finalize()(world.study, released_at) is Finalized.STILL_INDEXING
    index(world, 1)
    assert world.finalize()(world.study) is Finalized.NOT_DUE_YET


def test_a_deletion_that_comes_after_the_revision_is_not_finished_by_an_old_release(world):
    store(world, 0, 1)
    index(world, 0, 1)
    assert release(world) is Finalized.REVISED
    world.delete(0)
    index(world, 0)
    assert world.finalize()(world.study) is Finalized.NOT_DUE_YET


def test_all_rows_are_asked_where_indexers_side_by_side_have_left_an_earlier_moment_on_the_study(table, world):
    # Given that the indexer which saw the latest instance wrote before the others
    store(world, 0)
    first_stored_at = timestamp(world.clock())
    released_at = world.clock()
    store(world, 1)
    index(world, 0, 1)
    table.update(
        study_row_key(world.study),
        UpdateExpression="SET last_stored_at = :first",
        ExpressionAttributeValues=to_item({":first": first_stored_at}),
    )
    world.clock.skipped += SETTLE

    # Then the hint is found to be worthless, and does not come up again.
    assert world.finalize()(world.study, released_at) is Finalized.OVERTAKEN
    study = world.fence.read_study(world.study)
    assert (study.released_at, study.claim) == (None, None)
    assert world.finalize()(world.study) is Finalized.NOT_DUE_YET


def test_as_many_instances_as_the_sender_said_finish_the_study(world):
    store(world, 0, 1, 2, expected_instances=3)
    index(world, 0, 1)
    assert world.finalize()(world.study) is Finalized.NOT_DUE_YET
    index(world, 2)
    assert world.finalize()(world.study) is Finalized.REVISED
    assert reasons(world) == [CompletionReason.EXPECTED_INSTANCES]
    check_counts(world)

    # What comes afterwards and says nothing waits for the quiet period.
    store(world, 3)
    index(world, 3)
    assert world.finalize()(world.study) is Finalized.NOT_DUE_YET
    world.clock.skipped += A_DAY
    assert world.finalize()(world.study) is Finalized.REVISED
    check_history(world)


def test_a_number_does_not_count_when_a_later_store_does_not_say_it(world):
    store(world, 0, 1, expected_instances=3)
    store(world, 2)
    index(world, 0, 1, 2)
    assert world.finalize()(world.study) is Finalized.NOT_DUE_YET


def test_the_stream_asks_for_a_timer_when_a_study_opens_waits_anew_or_is_as_expected(table, world):
    store(world, 0, 1, expected_instances=2)
    index(world, 0)
    first = image(table, world)
    index(world, 1)
    second = image(table, world)
    assert read_stream_record(None, first).key == world.study
    assert read_stream_record(first, second).key == world.study, "as many as expected"
    assert read_stream_record(second, second) is None, "nothing that a timer could wait for"

    anew = {**second, "opened_at": {"S": timestamp(world.clock())}}
    assert read_stream_record(second, anew).key == world.study, "waits anew after its longest wait"


def image(table: ManifestTable, world: World) -> dict[str, object]:
    """The study's row as the stream gives it."""
    return to_item(table.get(study_row_key(world.study)))
