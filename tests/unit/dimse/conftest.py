"""An endpoint, and files to send to it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import _config

from imaging.dimse.accepted_association import Services
from tests.unit.dimse.endpoint import Endpoint
from tests.unit.dimse.files import write_file
from tests.unit.dimse.running_process import Process


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    running = Endpoint()
    yield running
    running.stop()


@pytest.fixture
def make_endpoint() -> Iterator[Callable[..., Endpoint]]:
    running: list[Endpoint] = []

    def make(*services: Services, **settings: Any) -> Endpoint:
        running.append(Endpoint(*services, **settings))
        return running[-1]

    yield make
    for one in running:
        one.stop()


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    """Starts the endpoint as processes of its own: ``start(DIMSE_WORKERS="1")``."""
    running: list[Process] = []

    def start_one(**environment: str) -> Process:
        running.append(Process(**environment))
        return running[-1]

    yield start_one
    for process in running:
        process.close()


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[..., Path]:
    return lambda **attributes: write_file(tmp_path, **attributes)


@pytest.fixture(autouse=True)
def _sends_the_bytes_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sending side shall not decode and encode either."""
    monkeypatch.setattr(_config, "STORE_SEND_CHUNKED_DATASET", True)
