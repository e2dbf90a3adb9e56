"""What publishing is tried on: a real FHIR server, faults of our choice before it, and an empty manifest."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from imaging.aws import fhir_requests
from imaging.aws.dynamodb_table import ManifestTable
from infra.local.embedded_aws.process import EmbeddedAws
from tests.fhir.faulty_server import FaultyServer
from tests.fhir.medplum import medplum
from tests.manifest_table import create_manifest_table

pytest.register_assert_rewrite("tests.fhir.checks", "tests.fhir.life")

from tests.fhir.world import World  # noqa: E402 - what is imported before cannot explain its assertions


@pytest.fixture(scope="session")
def fhir_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of Medplum's FHIR server, which validates whatever is written."""
    with medplum(tmp_path_factory.mktemp("fhir")) as address:
        yield address


@pytest.fixture
def faulty(fhir_address: str) -> Iterator[FaultyServer]:
    """The same with faults of our choice."""
    with FaultyServer(fhir_address) as server:
        yield server


@pytest.fixture(scope="session")
def new_table(embedded_aws: EmbeddedAws) -> Callable[[], ManifestTable]:
    """Makes empty manifest tables."""

    def make() -> ManifestTable:
        name = f"manifest-{uuid4().hex}"
        create_manifest_table(name)
        return ManifestTable(name)

    return make


@pytest.fixture(scope="session")
def table(new_table: Callable[[], ManifestTable]) -> ManifestTable:
    """One for all, as each test has a space of its own."""
    return new_table()


@pytest.fixture
def new_world(
    faulty: FaultyServer, table: ManifestTable, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., World]]:
    """Makes storage spaces that are published; reading is repeated without a pause."""
    monkeypatch.setattr(fhir_requests, "_TO_READ", fhir_requests._TO_READ.new(backoff_factor=0, backoff_jitter=0))
    worlds: list[World] = []

    def make(its_table: ManifestTable = table, **how: Any) -> World:
        worlds.append(World(faulty, its_table, **how))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    return new_world()
