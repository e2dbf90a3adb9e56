"""The server refuses, is busy, is slow, is down: what is on it afterwards, and what fhir-errors says meanwhile."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from imaging.aws import fhir_requests
from imaging.model.publication import ErrorKind, FhirError
from tests.fhir.checks import check_absent, check_entries, check_published
from tests.fhir.faulty_server import AnswersLate, Asked, CutsTheAnswer, Fault, HangsUp, Refuses, fine, first
from tests.fhir.world import World, versions


def check_written_once(world: World) -> None:
    assert versions(world.patients()) == [1]
    assert versions(world.endpoints()) == [1]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_it_refuses_is_told_and_not_tried_again_until_a_later_revision(world: World, status: int) -> None:
    study = world.new_study()
    refused = world.revision(study)
    world.faulty.plan = first(99, Refuses(status, code="invalid"), of=lambda asked: asked.is_transaction)
    assert len(world.publish(refused)) == 1
    check_absent(world, refused, ErrorKind.FHIR_REFUSED)
    assert world.pending.published == [(study, 1)]
    world.faulty.plan = fine
    taken = world.revision(study, 2)
    world.publish(taken)
    assert versions([check_published(world, taken)]) == [1]
    check_written_once(world)


def test_what_it_refused_is_published_when_asked_for_again(world: World) -> None:
    made = world.revision(world.new_study())
    world.faulty.plan = first(1, Refuses(422), of=lambda asked: asked.is_transaction)
    world.publish(made)
    check_entries(world, made, ErrorKind.FHIR_REFUSED)
    world.deliver(made.study, 1)
    check_published(world, made)


@pytest.mark.parametrize(
    "of",
    [lambda asked: asked.is_transaction, lambda asked: asked.is_search, lambda asked: asked.method == "GET"],
    ids=["the transaction", "a search", "a read"],
)
@pytest.mark.parametrize("status", [429, 503])
def test_when_it_says_when_to_come_back_it_is_left_alone_until_then(
    world: World, of: Callable[[Asked], bool], status: int
) -> None:
    made = world.revision(world.new_study())
    world.faulty.plan = first(1, Refuses(status, {"Retry-After": "120"}), of=of)
    asked_by_then: list[int] = []
    failed, succeeded = world.publish(made, after=lambda _: asked_by_then.append(len(world.faulty.asked)))
    assert failed.wished_wait_seconds == 120
    assert succeeded.at - failed.at >= timedelta(seconds=120)
    assert [of(asked) for asked in world.faulty.asked[: asked_by_then[0]]].count(True) == 1
    check_published(world, made)
    check_written_once(world)


@pytest.mark.parametrize("fault", [CutsTheAnswer(), AnswersLate(seconds=3)], ids=["cut", "late"])
@pytest.mark.parametrize("declares", [{}, {"updateCreate": False}], ids=["put by id", "conditional put"])
def test_a_transaction_whose_answer_is_lost_is_not_written_again(
    world: World, fault: Fault, declares: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fhir_requests, "_TRANSACTION_TIMEOUT_SECONDS", (1, 1))
    world.faulty.declares = declares
    world.faulty.plan = first(1, fault, of=lambda asked: asked.is_transaction)
    study = world.new_study()
    made = world.revision(study)
    entries: list[list[FhirError]] = []
    tries = world.publish(made, after=lambda _: entries.append(world.entries(study)))
    assert [entry.kind for (entry,) in entries] == [ErrorKind.RETRYING] * (len(tries) - 1)
    assert len(world.faulty.transactions) == 1
    assert versions([check_published(world, made)]) == [1]
    check_written_once(world)


@pytest.mark.parametrize("fault", [HangsUp(), Refuses(503), Refuses(401)], ids=["no answer", "503", "401"])
def test_while_it_is_down_for_five_minutes_the_entry_counts_the_tries_and_then_goes(world: World, fault: Fault) -> None:
    study = world.new_study()
    made, later = world.revision(study), world.revision(study, 2, instances=2)
    back = world.clock() + timedelta(minutes=5)
    world.faulty.plan = lambda _asked: fault if world.clock() < back else None
    entries: list[FhirError] = []

    def meanwhile(_failed: object) -> None:
        entries.extend(world.entries(study))
        world.finalize(later)

    tries = world.publish(made, after=meanwhile)
    assert tries[-2].at < back <= tries[-1].at
    assert [entry.kind for entry in entries] == [ErrorKind.RETRYING] * (len(tries) - 1)
    assert [entry.attempts for entry in entries] == list(range(1, len(tries)))
    assert versions([check_published(world, later)]) == [1]
    check_written_once(world)
    assert world.pending.published == [(study, 1), (study, 2)]


def test_when_the_tries_are_used_up_the_entry_says_so_and_the_mark_stays(world: World) -> None:
    study = world.new_study()
    made = world.revision(study)
    world.faulty.plan = lambda _asked: Refuses(503)
    world.publish(made)
    check_absent(world, made, ErrorKind.RETRIES_EXHAUSTED)
    assert world.entries(study)[0].attempts == 14
    assert world.pending.published == []
    world.faulty.plan = fine
    world.deliver(study, 1)
    check_published(world, made)


@pytest.mark.parametrize("kept", [1, 2], ids=["published before", "deleted before it was ever published"])
def test_a_study_that_is_deleted_while_it_is_down_is_gone_when_it_is_back(world: World, kept: int) -> None:
    study = world.new_study()
    made, deleted = world.revision(study), world.revision(study, 2, instances=0)
    if kept == 1:
        world.publish(made)
    world.finalize(made)
    world.faulty.plan = first(20, HangsUp())
    world.publish(deleted)
    check_absent(world, made)
    world.deliver(study, 1)
    check_absent(world, made)
