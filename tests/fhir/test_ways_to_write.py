"""Servers that choose the ids themselves, with and without conditional writes: still one of each."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from imaging.aws.dynamodb_table import ManifestTable
from imaging.fhir.primitives import Resource
from tests.fhir.checks import check_published
from tests.fhir.faulty_server import CutsTheAnswer, FindsNothing, HangsUp, Refuses, by_chance, first
from tests.fhir.life import live
from tests.fhir.world import World, versions

WAYS: dict[str, dict[str, bool]] = {
    "conditional put": {"updateCreate": False},
    "conditional create": {"updateCreate": False, "conditionalUpdate": False},
    "post only": {"updateCreate": False, "conditionalUpdate": False, "conditionalCreate": False},
}


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def world(request: pytest.FixtureRequest, new_world: Callable[..., World]) -> World:
    world = new_world()
    world.faulty.declares = request.param
    return world


def methods(world: World) -> list[tuple[str, bool, bool]]:
    """Of all entries: method, whether its address has a condition, whether it is void if there is one."""
    requests: list[Resource] = [entry["request"] for bundle in world.faulty.transactions for entry in bundle["entry"]]
    return [(each["method"], "?" in each["url"], "ifNoneExist" in each) for each in requests]


def test_a_study_lives_and_what_was_written_is_known_again(world: World) -> None:
    live(world)
    way = world.faulty.declares
    created = {each for each in methods(world) if each[0] == "POST" or each[1]}
    posted = ("POST", False, way.get("conditionalCreate", True))
    assert created == ({posted} if "conditionalUpdate" in way else {posted, ("PUT", True, False)})


def test_with_a_search_that_never_catches_up_it_is_known_by_the_id_the_server_told(world: World) -> None:
    world.faulty.plan = first(999, FindsNothing(), of=lambda asked: asked.is_search)
    live(world)


@pytest.mark.parametrize("seed", range(3))
def test_with_one_request_in_four_failing_there_is_one_of_each(world: World, seed: int) -> None:
    world.faulty.plan = by_chance(1 / 4, seed, Refuses(503), Refuses(429), HangsUp(), CutsTheAnswer())
    live(world)


def test_an_answer_that_is_lost_while_the_search_lags_behind_creates_nothing_twice(world: World) -> None:
    """The claim is kept until the search knows, or two minutes have gone."""
    caught_up = world.clock() + timedelta(seconds=100)
    lost = first(1, CutsTheAnswer(), of=lambda asked: asked.is_transaction)
    world.faulty.plan = lambda asked: FindsNothing() if asked.is_search and world.clock() < caught_up else lost(asked)
    made = world.revision(world.new_study())
    tries = world.publish(made)
    assert len(tries) > 2
    assert versions([check_published(world, made)]) == [1]
    assert versions(world.patients()) == versions(world.endpoints()) == [1]


def test_what_was_written_is_found_by_search_when_the_manifest_forgot_all(
    world: World, new_world: Callable[..., World], new_table: Callable[[], ManifestTable]
) -> None:
    study = world.new_study()
    world.publish(world.revision(study))
    forgetful = new_world(new_table(), space=world.space)
    made = world.revision(study, 2, instances=2)
    forgetful.publish(made)
    assert versions([check_published(world, made)]) == [2]
    assert versions(world.patients()) == versions(world.endpoints()) == [1]
