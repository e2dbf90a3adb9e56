"""Several processes publish at once: one Patient, one ImagingStudy each, whatever fails meanwhile."""

from collections.abc import Callable

import pytest

from tests.fhir.checks import check_published
from tests.fhir.faulty_server import CutsTheAnswer, HangsUp, Refuses, every, fine
from tests.fhir.many_studies import check_all, new_studies, side_by_side
from tests.fhir.test_ways_to_write import WAYS
from tests.fhir.world import World, versions

EVERY_WAY = {"put by id": {}, **WAYS}


@pytest.fixture(params=EVERY_WAY.values(), ids=EVERY_WAY)
def world(request: pytest.FixtureRequest, new_world: Callable[..., World]) -> World:
    world = new_world()
    world.faulty.declares = request.param
    return world


def test_four_publishers_of_one_study_write_it_once(world: World) -> None:
    world.finalize(made := world.revision(world.new_study()))
    all_tries = side_by_side(world, [made] * 4, processes=4)
    assert not any(tries[-1].failure for tries in all_tries)
    assert versions([check_published(world, made)]) == [1]
    assert versions(world.patients()) == [1]


def test_publishers_of_several_studies_of_one_patient_make_one_patient(world: World) -> None:
    made = new_studies(world, patients=1, of_each=6)
    side_by_side(world, made, processes=3)
    check_all(world, made)
    assert versions(world.patients(f"{world.patient_id}-0")) == [1]


def test_two_hundred_studies_with_every_tenth_request_failing_are_all_there_once(
    new_world: Callable[..., World],
) -> None:
    world = new_world()
    made = new_studies(world, patients=40, of_each=5)
    world.faulty.plan = every(10, Refuses(503), HangsUp(), CutsTheAnswer(), Refuses(429))
    side_by_side(world, made, processes=8)
    world.faulty.plan = fine
    check_all(world, made)
