"""Bindings under messages in any order and number, targets that fail at any call, processes that die between any two.

Several processes deliver side by side, one call at a time, in an order that
hypothesis draws. Whatever happens: everything is delivered in its latest
version, revisions are told in order, and nothing goes twice unless a process
died, or an answer was lost, between the target and the ledger.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.model.binding import Occasion, TargetKind
from imaging.model.instance import Action
from tests.interleaving import Actor, run_interleaved
from tests.unit.distribution.deliveries import Deliveries, binding_to, key_of

PLACES = 3
EVERY_BINDING = [
    pytest.param(TargetKind.DICOMWEB, Occasion.INSTANCE, id="images of instances"),
    pytest.param(TargetKind.DICOMWEB, Occasion.STUDY, id="images of studies"),
    pytest.param(TargetKind.QUEUE, Occasion.INSTANCE, id="notices of instances"),
    pytest.param(TargetKind.QUEUE, Occasion.STUDY, id="notices of studies"),
]


@dataclass(frozen=True)
class Story:
    """What happens.

    Attributes
    ----------
    changes
        Each a place, whether what is there is deleted or replaced, and whether a revision is made after it.
    picks
        Which message of the queue each process takes, one after the other.
    fails
        As `FakeTarget` has it.
    """

    changes: list[tuple[int, bool, bool]]
    picks: list[list[int]]
    choices: list[int]
    kill_at: frozenset[int]
    fails: dict[int, str]


stories = st.builds(
    Story,
    st.lists(st.tuples(st.integers(0, PLACES - 1), st.booleans(), st.booleans()), min_size=1, max_size=6),
    st.lists(st.lists(st.integers(0, 9), max_size=4), min_size=1, max_size=3),
    st.lists(st.integers(0, 2), max_size=80),
    st.frozensets(st.integers(0, 60), max_size=2),
    st.dictionaries(st.integers(0, 8), st.sampled_from(["before", "after"]), max_size=3),
)


def tell(world: Deliveries, story: Story) -> None:
    """The study changes while processes deliver of it; then comes all that at-least-once delivery brings."""

    def change(actor: Actor) -> None:
        for place, does_delete, does_revise in story.changes:
            actor.checkpoint()
            row = world.manifest.rows.get(key_of(place))
            if row is None or row.deleted:
                world.change(place)
            else:
                world.change(place, Action.DELETE if does_delete else Action.UPDATE)
            if does_revise:
                actor.checkpoint()
                world.revise()

    def deliver(picks: Sequence[int]) -> Callable[[Actor], None]:
        def act(actor: Actor) -> None:
            for pick in picks:
                actor.checkpoint()
                if world.queue:
                    world.handle(world.queue[pick % len(world.queue)], actor)

        return act

    world.target.fails = story.fails
    world.target.before_call = world.target.after_call = between_calls
    processes = [Actor(f"deliver {number}", deliver(picks)) for number, picks in enumerate(story.picks)]
    run_interleaved([Actor("change", change), *processes], story.choices, story.kill_at)
    if world.manifest.rows:
        world.revise()
    world.drain()


def between_calls() -> None:
    """The target is called, and has answered: other processes come in, or this one dies."""
    actor = threading.current_thread()
    if isinstance(actor, Actor):
        actor.checkpoint()


@pytest.mark.parametrize(("kind", "on"), EVERY_BINDING)
@settings(deadline=None, max_examples=40)
@given(story=stories)
def test_everything_is_delivered_in_its_latest_version_and_nothing_twice_without_need(kind, on, story):
    world = Deliveries(binding_to(kind, on))
    tell(world, story)
    check_delivered(world, story)


def check_delivered(world: Deliveries, story: Story) -> None:
    """What the target has, and what the ledger says of it."""
    if world.binding.on is Occasion.STUDY and not world.binding.kind.takes_images:
        assert sorted(set(world.target.revisions)) == list(range(1, len(world.manifest.revisions) + 1))
        assert all(then - before in (0, 1) for before, then in pairwise(world.target.revisions))
    else:
        check_latest_versions(world)
    lost = len(story.kill_at) + [*story.fails.values()].count("after")
    assert world.target.repeats() <= lost
    assert {outcome for _, outcome, _ in world.entries().values()} <= {"delivered", "superseded"}


def check_latest_versions(world: Deliveries) -> None:
    """What arrived last of each instance is what it is now, and no earlier version ever came after a later one."""
    arrived: defaultdict[str, list[int]] = defaultdict(list)
    for key, number in world.target.instances:
        arrived[key.sop_instance_uid].append(number)
    for event in world.target.events:
        arrived[event.detail["instance"]].append(event.detail["change_number"])
    for numbers in arrived.values():
        assert numbers == sorted(numbers)
    for row in world.manifest.rows.values():
        if not (row.deleted and world.binding.kind.takes_images):
            assert arrived[row.key.sop_instance_uid][-1:] == [row.change_number]
