from datetime import timedelta

import pytest

from imaging.errors import Unavailable
from imaging.model.binding import Occasion, TargetKind
from imaging.model.delivery import Delivered, Result
from imaging.model.instance import Action
from tests.unit.distribution.deliveries import Deliveries, binding_to, key_of


def study_binding(**wanted):
    return binding_to(TargetKind.DICOMWEB, Occasion.STUDY, **wanted)


@pytest.fixture
def world() -> Deliveries:
    return Deliveries(study_binding())


def test_a_study_goes_when_it_has_a_revision(world):
    for place in range(3):
        world.change(place)
    assert world.queue == []
    world.revise()
    assert world.handle(world.queue[0]) == Delivered(Result.DELIVERED, sent=3)
    assert world.target.instances == [(key_of(place), 1) for place in range(3)]
    assert world.entries() == {
        **{str(place): (1, "delivered", 1) for place in range(3)},
        "revision 1": (1, "delivered", 1),
    }


def test_the_next_revision_sends_only_what_is_new_or_replaced(world):
    for place in range(3):
        world.change(place)
    world.revise()
    world.drain()
    world.change(1, Action.UPDATE)
    world.change(2, Action.DELETE)
    world.change(3)
    world.revise()
    world.drain()
    assert world.target.instances[3:] == [(key_of(1), 2), (key_of(3), 1)]


def test_what_arrives_after_the_revision_belongs_to_the_next(world):
    world.change(0)
    world.revise()
    world.change(1)
    world.drain()
    assert world.target.instances == [(key_of(0), 1)]


def test_a_study_that_fails_in_the_middle_goes_on_where_it_stood(world):
    for place in range(4):
        world.change(place)
    world.revise()
    world.target.fails = {2: "before"}
    assert isinstance(world.handle(world.queue[0]), Unavailable)
    assert world.entries()["revision 1"] == (1, "retrying", 1)
    world.handle(world.queue[0])
    assert world.target.instances == [(key_of(place), 1) for place in range(4)]
    assert world.entries()["revision 1"] == (1, "delivered", 2)


def test_a_study_too_large_for_the_time_goes_in_slices(world):
    for place in range(5):
        world.change(place)
    world.revise()
    world.target.after_call = lambda: setattr(world.clock, "skipped", world.clock.skipped + timedelta(minutes=4))
    results = []
    while world.queue:
        results.append(world.handle(world.queue[0]))
    assert results == [Delivered(Result.UNFINISHED, 3), Delivered(Result.DELIVERED, 2)]
    assert world.target.repeats() == 0


def test_refused_instances_hold_up_no_others_and_make_the_study_refused(world):
    for place in range(3):
        world.change(place)
    world.revise()
    world.target.refuses = {key_of(1)}
    delivered = world.handle(world.queue[0])
    assert delivered.result is Result.REFUSED
    assert delivered.reason.startswith("The target refuses 1 of the study's instances")
    assert [key for key, _ in world.target.instances] == [key_of(0), key_of(2)]
    assert world.entries()["1"] == (1, "refused", 1)

    # A repeat of the event, as the sweeper sends it, leaves it at one letter.
    assert world.handle({"detail": world.dead_letters[0]["detail"]}).result is Result.NOTHING_LEFT
    assert len(world.dead_letters) == 1

    # When it comes back from the dead letters, only what was refused is tried again.
    world.target.refuses = set()
    (letter,) = world.dead_letters
    assert world.handle(letter) == Delivered(Result.DELIVERED, sent=1)
    assert world.target.repeats() == 0


def test_a_letter_is_tried_again_whatever_was_refused_after_it(world):
    world.target.refuses = {key_of(place) for place in range(3)}
    for place in range(3):
        world.change(place)
    world.revise()
    world.drain()
    world.change(0, Action.UPDATE)
    world.revise()
    world.drain()
    older, newer = world.dead_letters
    sent_back_at = world.clock()

    # What a first slice finds refused still, the second leaves alone.
    calls = world.target.calls
    world.target.before_call = lambda: setattr(world.clock, "skipped", world.clock.skipped + timedelta(minutes=4))
    results = [world.handle(older, time=timedelta(minutes=6), sent_at=sent_back_at).result for _ in range(2)]
    assert results == [Result.UNFINISHED, Result.REFUSED]
    assert world.target.calls == calls + 3

    world.target.refuses = set()
    assert world.handle(older) == Delivered(Result.DELIVERED, sent=3)
    assert world.handle(newer) == Delivered(Result.NOTHING_LEFT)
    assert world.target.instances == [(key_of(0), 2), (key_of(1), 1), (key_of(2), 1)]


@pytest.mark.parametrize("survivors", [[0, 2], []])
def test_refusals_are_closed_by_the_revision_that_has_the_refused_no_more(world, survivors):
    for place in range(3):
        world.change(place)
    world.revise()
    world.target.refuses = {key_of(place) for place in range(3) if place not in survivors}
    world.drain()
    assert "refused" in {outcome for _, outcome, _ in world.entries().values()}
    for place in {0, 1, 2}.difference(survivors):
        world.change(place, Action.DELETE)
    world.revise()
    world.drain()
    assert {outcome for _, outcome, _ in world.entries().values()} <= {"delivered", "superseded"}


def test_a_refused_revision_is_closed_by_a_later_one_that_was_delivered(world):
    world.change(0)
    world.revise()
    world.target.refuses = {key_of(0)}
    world.drain()
    world.target.refuses = set()
    world.change(0, Action.UPDATE)
    world.revise()
    world.drain()
    assert world.entries() == {
        "0": (2, "delivered", 1),
        "revision 1": (1, "superseded", 1),
        "revision 2": (2, "delivered", 1),
    }


def test_an_instance_at_which_the_target_fails_holds_up_no_other_and_is_named(world):
    for place in range(4):
        world.change(place)
    world.revise()
    world.target.fails_at = {key_of(1)}
    failure = world.handle(world.queue[0])
    assert isinstance(failure, Unavailable)
    assert f"1 of the study's instances could not be sent now, the first, {key_of(1).sop_instance_uid}" in str(failure)
    assert [key for key, _ in world.target.instances] == [key_of(0), key_of(2), key_of(3)]
    assert world.entries()["1"] == (1, "retrying", 1)
    assert world.ledger.read_instance("to-there", key_of(1)).reason == "The target answers 500."
    world.target.fails_at = set()
    world.drain()
    assert world.entries()["1"] == (1, "delivered", 2)
    assert world.target.repeats() == 0


def test_a_target_that_fails_twice_in_a_row_is_left_alone_and_what_failed_goes_last(world):
    for place in range(5):
        world.change(place)
    world.revise()
    world.target.fails_at = {key_of(1), key_of(2)}
    assert isinstance(world.handle(world.queue[0]), Unavailable)
    assert world.target.calls == 3
    assert isinstance(world.handle(world.queue[0]), Unavailable)
    assert [key for key, _ in world.target.instances] == [key_of(0), key_of(3), key_of(4)]


def test_a_study_with_several_modalities_fits_by_any_of_them_and_goes_whole():
    world = Deliveries(study_binding(modality="S?"))
    world.change(0, Modality="CT")
    world.change(1, Modality="SR")
    world.revise()
    world.drain()
    assert len(world.target.instances) == 2


def test_a_study_without_a_fitting_instance_does_not_go():
    world = Deliveries(study_binding(modality="MR"))
    world.change(0, Modality="CT")
    world.revise()
    world.drain()
    assert world.target.calls == 0
    assert world.entries() == {}


def test_an_older_message_delivers_the_latest_revision_and_closes_its_own(world):
    world.change(0)
    world.revise()
    world.change(1)
    world.revise()
    first, second = world.queue
    assert world.handle(first) == Delivered(Result.DELIVERED, sent=2)
    assert world.handle(second).result is Result.NOTHING_LEFT
    assert world.entries()["revision 1"][1] == "superseded"
    assert world.entries()["revision 2"][1] == "delivered"


def test_a_deleted_study_sends_nothing(world):
    world.change(0)
    world.revise()
    world.change(0, Action.DELETE)
    world.revise()
    world.drain()
    assert world.target.calls == 0


def test_a_revision_ahead_of_the_manifest_waits(world):
    world.change(0)
    world.revise()
    kept, world.manifest.revisions = world.manifest.revisions, []
    assert isinstance(world.handle(world.queue[0]), Unavailable)
    world.manifest.revisions = kept
    world.drain()
    assert len(world.target.instances) == 1


def test_two_processes_do_not_send_one_study(world):
    for place in range(2):
        world.change(place)
    world.revise()
    outcomes = []
    world.target.before_call = lambda: outcomes.append(world.handle(world.queue[0])) if not outcomes else None
    world.handle(world.queue[0])
    assert isinstance(outcomes[0], Unavailable)
    assert world.target.repeats() == 0
