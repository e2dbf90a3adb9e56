"""A thousand studies while one request in ten fails; and every request failing once, in every way of writing."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from imaging.aws.dynamodb_table import ManifestTable
from infra.local.embedded_aws.process import EmbeddedAws
from tests.fhir.faulty_server import CutsTheAnswer, Fault, FaultyServer, FindsNothing, HangsUp, Refuses, every, fine
from tests.fhir.life import live
from tests.fhir.many_studies import check_all, new_studies, side_by_side
from tests.fhir.medplum import medplum
from tests.fhir.test_failing_requests import only
from tests.fhir.test_ways_to_write import WAYS
from tests.fhir.world import World
from tests.manifest_table import create_manifest_table


@pytest.fixture
def new_world(embedded_aws: EmbeddedAws, tmp_path: Path) -> Iterator[Callable[[], World]]:
    """Makes storage spaces that are published to one server."""
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    worlds: list[World] = []
    with medplum(tmp_path) as address, FaultyServer(address) as faulty:

        def make() -> World:
            worlds.append(World(faulty, ManifestTable(name)))
            return worlds[-1]

        yield make
        for world in worlds:
            world.close()


def test_a_thousand_studies_are_all_there_once(new_world: Callable[[], World]) -> None:
    world = new_world()
    made = new_studies(world, patients=200, of_each=5)
    world.faulty.plan = every(10, Refuses(503), HangsUp(), CutsTheAnswer(), Refuses(429))
    begin = time.monotonic()
    all_tries = side_by_side(world, made, processes=8)
    seconds = time.monotonic() - begin
    world.faulty.plan = fine
    check_all(world, made)
    print(
        f"\n{len(made)} studies in {seconds:.1f} s, {len(world.faulty.asked) / len(made):.2f} requests a study, "
        f"{sum(map(len, all_tries)) - len(made)} tries that failed"
    )


@pytest.mark.parametrize("fault", [Refuses(503), Refuses(429), HangsUp(), CutsTheAnswer(), FindsNothing()], ids=str)
@pytest.mark.parametrize("declares", WAYS.values(), ids=WAYS)
def test_whichever_request_fails_where_the_server_chooses_the_ids(
    new_world: Callable[[], World], declares: dict[str, bool], fault: Fault
) -> None:
    world = new_world()
    world.faulty.declares = declares
    live(world)
    asked = list(world.faulty.asked)
    for number, each in enumerate(asked, start=1):
        if each.is_search or fault != FindsNothing():
            world = new_world()
            world.faulty.plan = only(number, fault)
            live(world)
            world.faulty.plan = fine
