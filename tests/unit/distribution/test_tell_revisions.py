from datetime import timedelta

import pytest

from imaging.errors import Unavailable
from imaging.model.binding import Occasion, TargetKind
from imaging.model.delivery import Delivered, Result
from imaging.model.instance import Action
from tests.unit.distribution.deliveries import Deliveries, TombstonesToo, binding_to


def study_binding(**wanted):
    return binding_to(TargetKind.WEBHOOK, Occasion.STUDY, **wanted)


@pytest.fixture
def world() -> Deliveries:
    return with_revisions(Deliveries(study_binding()), 3)


def with_revisions(world: Deliveries, number: int) -> Deliveries:
    for place in range(number):
        world.change(place)
        world.revise()
    return world


def test_revisions_are_told_in_order_whatever_order_their_messages_come_in(world):
    first, second, third = world.queue
    assert world.handle(second) == Delivered(Result.DELIVERED, sent=2)
    assert world.handle(first).result is Result.NOTHING_LEFT
    assert world.handle(third) == Delivered(Result.DELIVERED, sent=1)
    assert world.target.revisions == [1, 2, 3]


def test_a_subscriber_that_is_down_hears_everything_in_order_when_it_is_back(world):
    world.target.fails = dict.fromkeys(range(5), "before")
    world.drain()
    assert world.target.revisions == [1, 2, 3]
    assert world.entries()["revision 1"][1] == "delivered"


def test_a_refused_revision_is_dead_and_the_next_one_is_told(world):
    world.target.refuses = {2}
    world.drain()
    assert world.target.revisions == [1, 3]
    (letter,) = world.dead_letters
    assert letter["detail"]["revision"] == 2

    # A repeat of the event, as the sweeper sends it, leaves it at one letter.
    assert world.handle({"detail": letter["detail"]}).result is Result.NOTHING_LEFT
    assert world.dead_letters == [letter]

    # When the letter goes back, that one is told and no other.
    world.target.refuses = set()
    assert world.handle(letter) == Delivered(Result.DELIVERED, sent=1)
    assert world.target.revisions == [1, 3, 2]


def test_a_refusal_has_its_letter_though_the_next_revision_finds_the_target_down(world):
    world.target.refuses, world.target.fails = {1}, {1: "before"}
    assert isinstance(world.handle(world.queue[2]), Unavailable)
    assert [letter["detail"]["revision"] for letter in world.dead_letters] == [1]
    world.drain()
    assert world.target.revisions == [2, 3]
    assert len(world.dead_letters) == 1


def test_a_long_history_goes_in_slices(world):
    world.target.after_call = lambda: setattr(world.clock, "skipped", world.clock.skipped + timedelta(minutes=4))
    last = world.queue[2]
    assert world.handle(last, time=timedelta(minutes=6)) == Delivered(Result.UNFINISHED, sent=2)
    assert world.handle(last) == Delivered(Result.DELIVERED, sent=1)
    assert world.target.revisions == [1, 2, 3]


def test_a_long_history_of_which_nothing_fits_goes_in_slices_too_and_each_revision_is_read_once(monkeypatch):
    world = with_revisions(Deliveries(study_binding(modality="MR", calling_ae_title="CT1")), 5)
    read, senders_read = [], []

    def read_committed(committed):
        read.append(committed.number)
        world.clock.skipped += timedelta(minutes=3)
        return world.manifest.revisions[committed.number - 1][1]

    def read_instances(fence, study):
        senders_read.append(study)
        return list(world.manifest.rows.values())

    monkeypatch.setattr(world.manifest, "read_committed", read_committed)
    monkeypatch.setattr(TombstonesToo, "read_instances", read_instances)
    last = world.queue[4]
    assert world.handle(last, time=timedelta(minutes=8)) == Delivered(Result.UNFINISHED, sent=0)
    assert read == [1, 2, 3]
    assert len(senders_read) == 1
    assert world.handle(last) == Delivered(Result.NOTHING_LEFT)
    assert read == [1, 2, 3, 3, 4, 5]


def test_who_heard_of_a_study_hears_that_it_left_the_filter_and_nothing_after_that():
    world = Deliveries(study_binding(modality="MR", calling_ae_title="CT1"))
    world.change(0, Modality="CT")
    world.revise()  # 1: does not fit
    world.change(1, Modality="MR")
    world.revise()  # 2: fits
    world.change(1, Action.DELETE, Modality="MR")
    world.revise()  # 3: fitted
    world.change(2, Modality="CT")
    world.revise()  # 4: nothing of it
    world.drain()
    assert world.target.revisions == [2, 3]


def test_a_deleted_study_is_told_as_deleted():
    world = Deliveries(study_binding(modality="CT"))
    world.change(0)
    world.revise()
    world.change(0, Action.DELETE)
    world.revise()
    world.drain()
    assert [event.detail_type for event in world.target.events] == ["Study Revised", "Study Deleted"]


def test_a_revision_ahead_of_the_manifest_waits(world):
    kept, world.manifest.revisions = world.manifest.revisions, world.manifest.revisions[:2]
    assert isinstance(world.handle(world.queue[2]), Unavailable)
    world.manifest.revisions = kept
    world.drain()
    assert world.target.revisions == [1, 2, 3]
