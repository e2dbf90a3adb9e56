"""A study that is never quiet gets its revisions all the same, with nothing lost and nothing told twice."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imaging.aws.dynamodb_deletions import DynamoDbStudyDeletions
from imaging.aws.dynamodb_fence import DynamoDbStudyFence
from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import study_row_key, to_item
from imaging.errors import Unavailable
from imaging.model.completion import CompletionReason
from imaging.model.study import StudyState
from imaging.pipeline.finalize_study import Finalized
from imaging.settings import Hint
from tests.interleaving import Actor, run_interleaved
from tests.manifest_table import create_manifest_table
from tests.unit.pipeline.test_fence import World, check_counts, check_history, check_told, mutations

LONGER_THAN_THE_TEST = timedelta(days=1)
ONE_LOOK = timedelta(microseconds=1)


@pytest.fixture(scope="module")
def table(embedded_aws: object) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


def never_quiet(table: ManifestTable) -> World:
    return World(table, quiet=LONGER_THAN_THE_TEST, longest_wait=ONE_LOOK)


class Trickle(DynamoDbStudyFence):
    """A fence under which something changes whenever a finalizer has read the study."""

    def __init__(self, world: World, expected_instances: int | None = None) -> None:
        super().__init__(world.table)
        self.world = world
        self.expected_instances = expected_instances
        self.numbers: Iterator[int] = count()
        self.stopped = False

    def change(self) -> None:
        number = next(self.numbers)
        place = number % 4
        if number % 7 == 6:
            self.world.delete(place)
        else:
            self.world.put(place, number % 3, self.expected_instances)
        self.world.index()([self.world.key(place)])

    def read_instances(self, study):
        rows = super().read_instances(study)
        if not self.stopped:
            self.change()
        return rows


def test_a_trickle_that_never_pauses_gets_a_revision_each_time_it_has_waited_long_enough(table):
    # Given a study that changes while a finalizer looks at it, every time
    world = never_quiet(table)
    trickle = Trickle(world)
    trickle.change()
    world.fence = trickle

    # When its timer falls due again and again
    outcomes = [world.finalize()(world.study) for _ in range(12)]

    # Then every look makes a revision of what it saw, and the study waits anew for the rest
    assert outcomes == [Finalized.REVISED] * 12
    assert world.fence.read_study(world.study).state is StudyState.OPEN
    assert {revision.reason for revision in world.revisions()} == {CompletionReason.LONGEST_WAIT}

    # and when it ends at last, one history tells it all.
    trickle.stopped = True
    world.settle()
    check_history(world)
    check_counts(world)
    check_told(world)


@pytest.mark.parametrize(
    ("reason", "quiet", "finish_on"),
    [
        (CompletionReason.EXPECTED_INSTANCES, LONGER_THAN_THE_TEST, frozenset(Hint)),
        (CompletionReason.QUIET, ONE_LOOK, frozenset()),
    ],
)
def test_a_trickle_gets_its_revisions_also_where_there_is_another_reason_for_them(table, reason, quiet, finish_on):
    # Given a study whose sender said too low a number, or one that seems quiet whenever its timer falls due
    world = World(table, quiet=quiet, longest_wait=ONE_LOOK, finish_on=finish_on)
    trickle = Trickle(world, expected_instances=1)
    trickle.change()
    world.fence = trickle

    # Then every look makes a revision, as if there were nothing but the longest wait.
    assert [world.finalize()(world.study) for _ in range(4)] == [Finalized.REVISED] * 4
    assert {revision.reason for revision in world.revisions()} == {reason}
    trickle.stopped = True
    world.settle()
    check_history(world)
    check_counts(world)


def test_a_hint_that_turns_out_worthless_does_not_put_off_what_has_waited_longest(table):
    world = World(table, quiet=LONGER_THAN_THE_TEST, longest_wait=ONE_LOOK, finish_on=frozenset(Hint))
    world.put(0, 0, expected_instances=1)
    world.index()([world.key(0)])
    world.put(0, 1)  # says no number; its indexer is overtaken by one that saw the other
    world.index()([world.key(0)])
    world.table.update(
        study_row_key(world.study),
        UpdateExpression="SET expected_instances = :one",
        ExpressionAttributeValues=to_item({":one": 1}),
    )
    assert world.finalize()(world.study) is Finalized.REVISED
    assert [revision.reason for revision in world.revisions()] == [CompletionReason.LONGEST_WAIT]


def test_it_does_not_wait_for_what_is_stored_and_not_indexed(table):
    world = never_quiet(table)
    world.put(0, 0)
    world.index()([world.key(0)])
    world.put(1, 0)  # whose event hangs
    assert world.finalize()(world.study) is Finalized.REVISED
    world.settle()
    assert [len(revision.additions) for revision in world.revisions()] == [1, 1]


def test_a_finalizer_at_work_is_not_overtaken_until_it_must_be_dead(table):
    # Given a finalizer that has claimed the study, and something that changed since
    world = never_quiet(table)
    world.put(0, 0)
    world.index()([world.key(0)])
    assert world.fence.claim(world.fence.read_study(world.study), "at work", world.clock())
    world.put(1, 0)
    world.index()([world.key(1)])

    # Then another one leaves it alone, or each would undo the other's work
    assert world.finalize()(world.study) is Finalized.OVERTAKEN
    assert world.fence.read_study(world.study).claim == "at work"

    # for as long as it can be alive.
    world.clock.skipped += timedelta(minutes=3)
    assert world.finalize()(world.study) is Finalized.REVISED
    world.settle()
    check_history(world)


def test_what_a_delete_hides_is_in_no_revision_that_comes_after_it(table):
    # Given a deletion that died before it had deleted all its objects
    world = never_quiet(table)
    for place in range(2):
        world.put(place, 0)
    world.index()(world.keys[:2])
    world.clock.skipped += timedelta(seconds=1)
    DynamoDbStudyDeletions(table).mark(world.study, "*", world.clock(), world.clock(), is_unfinished=True)

    # Then a revision of it waits until they are gone.
    outcomes = [world.finalize()(world.study)]
    while outcomes[-1] is Finalized.STILL_INDEXING and len(outcomes) < 10:
        world.clock.skipped += timedelta(minutes=6)
        outcomes.append(world.finalize()(world.study))
    world.settle()
    assert [revision.instances for revision in world.revisions()] == []
    check_counts(world)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    senders=st.lists(mutations, min_size=1, max_size=3),
    choices=st.lists(st.integers(0, 7), max_size=200),
    kill_at=st.frozensets(st.integers(2, 120), max_size=2),
)
def test_any_order_of_changes_and_finalizers_that_do_not_wait_leaves_one_complete_history(
    table, senders, choices, kill_at
):
    world = never_quiet(table)

    def sender(script):
        def act(actor: Actor) -> None:
            for verb, *arguments in script:
                actor.checkpoint()
                getattr(world, verb)(*arguments)
                world.index(actor)([world.key(arguments[0])])

        return act

    def finalizer(actor: Actor) -> None:
        for _ in range(3):
            try:
                world.finalize(actor)(world.study)
            except Unavailable:
                continue  # its queue delivers it again

    run_interleaved(
        [
            *(Actor(f"sender {n}", sender(script)) for n, script in enumerate(senders)),
            *(Actor(f"finalizer {n}", finalizer) for n in range(2)),
        ],
        choices,
        kill_at,
    )
    world.settle()
    check_history(world)
    check_counts(world)
    check_told(world)
