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

    # When it comes back from the dead letters, only what was refused is tried again.
    world.target.refuses = set()
    (letter,) = world.dead_letters
    assert world.handle(letter) == Delivered(Result.DELIVERED, sent=1)
    assert world.target.repeats() == 0


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
