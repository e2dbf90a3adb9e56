"""An endpoint, and files to send to it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pynetdicom import _config

from tests.unit.dimse.endpoint import Endpoint
from tests.unit.dimse.files import write_file


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    running = Endpoint()
    yield running
    running.stop()


@pytest.fixture
def make_endpoint() -> Iterator[Callable[..., Endpoint]]:
    running: list[Endpoint] = []

    def make(**settings: int) -> Endpoint:
        running.append(Endpoint(**settings))
        return running[-1]

    yield make
    for one in running:
        one.stop()


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[..., Path]:
    return lambda **attributes: write_file(tmp_path, **attributes)


@pytest.fixture(autouse=True)
def _sends_the_bytes_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sending side shall not decode and encode either."""
    monkeypatch.setattr(_config, "STORE_SEND_CHUNKED_DATASET", True)
