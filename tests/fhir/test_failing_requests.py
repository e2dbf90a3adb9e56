"""Every request of a study's life fails once, in every way; and some of them for ever."""

from collections.abc import Callable
from itertools import count

import pytest

from tests.fhir.faulty_server import (
    Asked,
    CutsTheAnswer,
    Fault,
    FindsNothing,
    HangsUp,
    Plan,
    Refuses,
    by_chance,
    fine,
)
from tests.fhir.life import live
from tests.fhir.world import World

FAULTS = [Refuses(429, {"Retry-After": "3"}), HangsUp(), CutsTheAnswer(), FindsNothing()]


def only(number: int, fault: Fault) -> Plan:
    """The request of that number."""
    numbers = count(1)
    return lambda _asked: fault if next(numbers) == number else None


@pytest.fixture
def asked(world: World) -> list[Asked]:
    """What a life takes that nothing disturbs."""
    live(world)
    return list(world.faulty.asked)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_whichever_request_fails_every_revision_is_published_once(
    new_world: Callable[..., World], asked: list[Asked], fault: Fault
) -> None:
    able = [number for number, each in enumerate(asked, start=1) if each.is_search or fault != FindsNothing()]
    assert able
    for number in able:
        world = new_world()
        world.faulty.plan = only(number, fault)
        live(world)
    world.faulty.plan = fine


@pytest.mark.parametrize("one_in", [2, 3, 5])
def test_with_a_share_of_all_requests_failing_every_revision_is_published_once(world: World, one_in: int) -> None:
    world.faulty.plan = by_chance(1 / one_in, one_in, Refuses(503), Refuses(429), HangsUp(), CutsTheAnswer())
    live(world)
