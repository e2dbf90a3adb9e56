"""The running system, for everybody who uses it from outside."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.flow.running_system import RunningSystem


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
def own_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RunningSystem]]:
    """Makes a system for one module, which starts, kills and stops it: ``own_system(SAMPLE="yes")``."""
    systems: list[RunningSystem] = []

    def make(**settings: str) -> RunningSystem:
        systems.append(RunningSystem(tmp_path_factory.mktemp("own-system") / "state", **settings))
        return systems[-1]

    yield make
    for system in systems:
        system.kill()
