from datetime import timedelta

import pytest

from imaging.errors import Unavailable
from imaging.model.binding import Occasion, TargetKind
from imaging.model.delivery import Delivered, Outcome, Result
from imaging.model.instance import Action
from tests.unit.distribution.deliveries import STUDY, Deliveries, binding_to, key_of

IMAGES, NOTICES = TargetKind.DICOMWEB, TargetKind.QUEUE


@pytest.fixture(params=[IMAGES, NOTICES])
def world(request) -> Deliveries:
    return Deliveries(binding_to(request.param))


def numbers(world: Deliveries) -> list[int]:
    """Change numbers in the order in which they arrived."""
    return [number for _, number in world.target.instances] or [
        event.detail["change_number"] for event in world.target.events
    ]


def test_an_instance_is_delivered_once_however_often_its_message_comes(world):
    world.change(0)
    (message,) = world.queue
    assert world.handle(message) == Delivered(Result.DELIVERED, sent=1)
    assert world.handle(message) == Delivered(Result.NOTHING_LEFT)
    assert numbers(world) == [1]
    assert world.entries() == {"0": (1, "delivered", 1)}


def test_of_several_changes_that_wait_the_last_one_goes(world):
    world.change(0)
    world.change(0, Action.UPDATE)
    world.drain()
    assert numbers(world) == [2]


def test_a_target_that_was_down_gets_it_later_and_the_ledger_counts_the_tries(world):
    world.target.fails = {0: "before", 1: "before"}
    world.change(0)
    (message,) = world.queue
    for tries in (1, 2):
        assert isinstance(world.handle(message), Unavailable)
        assert world.entries() == {"0": (1, "retrying", tries)}
    entry = world.ledger.read_instance("to-there", key_of(0))
    assert entry.reason == "The target does not answer."
    world.handle(message)
    assert world.entries() == {"0": (1, "delivered", 3)}
    assert world.ledger.read_instance("to-there", key_of(0)).reason == ""


def test_what_is_refused_is_dead_at_once_and_tried_again_when_it_comes_back(world):
    world.target.refuses = {key_of(0), key_of(0).sop_instance_uid}
    world.change(0)
    (message,) = world.queue
    world.handle(message)
    (letter,) = world.dead_letters
    assert world.queue == []
    assert letter["set_aside"]["reason"] == "The target does not like it."
    assert world.entries() == {"0": (1, "refused", 1)}

    # A late repeat of the message bothers neither the target nor whoever reads the letters.
    assert world.handle(message).result is Result.NOTHING_LEFT
    assert (world.target.calls, len(world.dead_letters)) == (1, 1)

    # Whoever lets the letter go back before anything is mended has it once again, however often it comes.
    sent_back_at = world.clock()
    for _ in range(2):
        world.handle(letter, sent_at=sent_back_at)
    assert (world.target.calls, len(world.dead_letters)) == (2, 2)
    letter = world.dead_letters[1]

    # Somebody mends the target and lets the letter go back.
    world.target.refuses = set()
    assert world.handle(letter).result is Result.DELIVERED
    assert world.entries() == {"0": (1, "delivered", 3)}


def test_a_letter_is_tried_again_whatever_was_refused_after_it(world):
    world.target.refuses = {key_of(0), key_of(0).sop_instance_uid}
    world.change(0)
    world.drain()
    world.change(0, Action.UPDATE)
    world.drain()
    older, newer = world.dead_letters
    world.target.refuses = set()
    assert world.handle(older) == Delivered(Result.DELIVERED, sent=1)
    assert world.handle(newer) == Delivered(Result.NOTHING_LEFT)
    assert numbers(world) == [2]
    assert len(world.dead_letters) == 2


def test_a_process_that_dies_over_a_refusal_leaves_its_letter(world):
    world.target.refuses = {key_of(0), key_of(0).sop_instance_uid}
    world.change(0)

    def die() -> None:
        raise SystemExit

    world.after_letter = die
    with pytest.raises(SystemExit):
        world.handle(world.queue[0])
    assert len(world.dead_letters) == 1
    world.after_letter = lambda: None
    world.drain()
    assert world.entries()["0"][:2] == (1, "refused")
    assert len(world.dead_letters) == 2  # of two tries


def test_what_does_not_fit_the_filter_is_acknowledged_without_a_trace():
    world = Deliveries(binding_to(IMAGES, modality="MR"))
    world.change(0, Modality="CT")
    world.drain()
    assert world.target.calls == 0
    assert world.entries() == {}


def test_another_space_is_not_looked_at():
    world = Deliveries(binding_to(IMAGES, space="research"))
    world.change(0)
    world.manifest.rows.clear()
    assert world.handle(world.queue[0]).result is Result.NOTHING_LEFT


def test_images_of_what_was_deleted_meanwhile_are_not_sent():
    world = Deliveries(binding_to(IMAGES))
    world.target.fails = {0: "before"}
    world.change(0)
    world.handle(world.queue[0])
    world.change(0, Action.DELETE)
    world.drain()
    assert world.target.taken == []
    assert world.entries() == {"0": (1, "superseded", 1)}


def test_a_refusal_is_closed_when_the_instance_is_deleted():
    world = Deliveries(binding_to(IMAGES))
    world.target.refuses = {key_of(0)}
    world.change(0)
    world.drain()
    assert world.entries() == {"0": (1, "refused", 1)}
    world.change(0, Action.DELETE)
    world.drain()
    assert world.entries() == {"0": (1, "superseded", 1)}
    assert world.target.calls == 1


def test_who_is_told_hears_of_a_deletion():
    world = Deliveries(binding_to(NOTICES, modality="CT"))
    world.change(0)
    world.drain()
    world.change(0, Action.DELETE)
    world.drain()
    assert [event.detail_type for event in world.target.events] == ["Instance Stored", "Instance Deleted"]


def test_an_instance_that_the_manifest_lost_waits_for_it(world):
    world.change(0)
    lost = dict(world.manifest.rows)
    world.manifest.rows.clear()
    assert isinstance(world.handle(world.queue[0]), Unavailable)
    world.manifest.rows |= lost
    world.drain()
    assert numbers(world) == [1]


def test_an_instance_that_another_process_sends_is_left_to_it(world):
    world.change(0)
    (message,) = world.queue
    outcomes = []
    world.target.before_call = lambda: outcomes.append(world.handle(message)) if not outcomes else None
    world.handle(message)
    assert isinstance(outcomes[0], Unavailable)
    assert numbers(world) == [1]


def test_a_process_that_outlasts_its_claim_cannot_leave_an_older_version_at_the_target(world):
    """It hangs before its bytes go out; another sends a newer version meanwhile."""
    world.change(0)
    (slow,) = world.queue

    def meanwhile() -> None:
        world.target.before_call = lambda: None
        world.clock.skipped += timedelta(hours=1)
        world.change(0, Action.UPDATE)
        assert world.handle(world.queue[1]).result is Result.DELIVERED

    world.target.before_call = meanwhile
    assert isinstance(world.handle(slow), Unavailable)
    assert numbers(world) == [2, 1]
    world.drain()
    assert numbers(world) == [2, 1, 2]
    assert world.entries()["0"][:2] == (2, Outcome.DELIVERED)


def test_a_failure_that_nobody_foresaw_gives_the_claim_back(world):
    world.change(0)

    def burst() -> None:
        world.target.before_call = lambda: None
        raise ZeroDivisionError

    world.target.before_call = burst
    with pytest.raises(ZeroDivisionError):
        world.handle(world.queue[0])
    assert world.handle(world.queue[0]).result is Result.DELIVERED


@pytest.mark.parametrize(
    "message", [{}, {"detail": []}, {"detail": {"space": "main", "study": "1.2", "revision": "first"}}]
)
def test_a_message_that_is_no_event_is_refused(world, message):
    delivered = world.handle(message)
    assert delivered.result is Result.REFUSED
    assert "no event of this system" in delivered.reason


def test_a_binding_on_studies_ignores_events_of_instances():
    world = Deliveries(binding_to(IMAGES))
    world.change(0)
    world.binding = binding_to(IMAGES, Occasion.STUDY)
    assert world.handle(world.queue[0]).result is Result.NOTHING_LEFT
    assert world.ledger.read_deliveries(STUDY, after="", offset=0, limit=1) == ([], "")
