"""What tests of every kind may ask for."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.embedded_aws.process import EmbeddedAws
from infra.local.ports import any_free_port
from tests.flow.client import Client
from tests.flow.running_system import RunningSystem


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Compare permissions last, when every other test has had its calls recorded."""
    items.sort(key=lambda item: item.path.name == "test_permissions.py")


@pytest.fixture(scope="session")
def embedded_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    """An empty AWS; for the session, boto3 talks to it and to no other."""
    aws = EmbeddedAws(any_free_port(), tmp_path_factory.mktemp("embedded-aws"))
    aws.start()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in aws.client_environment.items():
            environment.setenv(name, value)
        environment.delenv("AWS_PROFILE", raising=False)
        try:
            aws.wait_ready()
            yield aws
        finally:
            aws.stop()


@pytest.fixture
def own_aws(tmp_path: Path) -> Iterator[EmbeddedAws]:
    """An AWS for one test, which may stop, kill and start it; its calls are recorded."""
    aws = EmbeddedAws(any_free_port(), tmp_path, record_calls=tmp_path / "calls.jsonl")
    aws.start()
    try:
        aws.wait_ready()
        yield aws
    finally:
        aws.stop()


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """One system for all tests that leave it running; each uses studies of its own."""
    system = RunningSystem(tmp_path_factory.mktemp("system") / "state")
    system.start()
    yield system
    assert system.stop() == 0


@pytest.fixture(scope="session")
def endpoints(system: RunningSystem) -> dict[str, Any]:
    """Its `endpoints.json`."""
    return system.endpoints


@pytest.fixture(scope="module")
def client(system: RunningSystem) -> Iterator[Client]:
    """A user of it."""
    with Client(system) as client:
        yield client


@pytest.fixture(scope="module")
def own_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RunningSystem]]:
    """Makes a system for one module, which starts, kills and stops it: ``own_system(SAMPLE="yes")``."""
    systems: list[RunningSystem] = []

    def make(**settings: str) -> RunningSystem:
        systems.append(RunningSystem(tmp_path_factory.mktemp("own-system") / "state", **settings))
        return systems[-1]

    yield make
    for system in systems:
        system.kill()
