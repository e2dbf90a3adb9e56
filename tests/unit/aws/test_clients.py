"""How long AWS is waited for by whoever is waited for himself."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from pynetdicom.dimse_primitives import C_STORE

from imaging.aws import clients
from imaging.aws.multipart_upload import PART_BYTES
from imaging.aws.s3_objects import S3Objects
from imaging.dimse.accepted_association import Served
from imaging.dimse.c_store import CStore
from imaging.pipeline.store_instance import StoreInstance
from tests.fakes import Clock
from tests.unit.dimse.endpoint import SPACES, Endpoint, JournalInMemory
from tests.unit.dimse.files import send, write_file


class HungServer:
    """Takes connections and requests, and never answers."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.connections: list[socket.socket] = []
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._swallow, args=(connection,), daemon=True).start()

    @staticmethod
    def _swallow(connection: socket.socket) -> None:
        with connection:
            while connection.recv(65536):
                pass

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@pytest.fixture
def hung_s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[HungServer]:
    server = HungServer()
    clients.made.cache_clear()
    for name, value in {
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{server.port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_READ_TIMEOUT_SECONDS": "0.2",
        "AWS_MAX_ATTEMPTS": "2",
    }.items():
        monkeypatch.setenv(name, value)
    yield server
    clients.made.cache_clear()
    server.close()


@pytest.mark.parametrize("pixel_bytes", [100, PART_BYTES])  # at once, and in parts
def test_a_store_is_answered_out_of_resources_when_s3_hangs(hung_s3, tmp_path, pixel_bytes):
    journal = JournalInMemory()
    store = StoreInstance(S3Objects(SPACES), SPACES, Clock())
    endpoint = Endpoint({C_STORE: Served(CStore(store, journal, 2**30))})
    path = write_file(tmp_path, PixelData=bytes(pixel_bytes))
    began = time.monotonic()
    try:
        assert send(path, endpoint.port).Status == 0xA700
    finally:
        endpoint.stop()
    assert time.monotonic() - began < 20  # and not the 60 seconds that two attempts take else
    assert len(hung_s3.connections) == 2


def test_others_wait_as_long_as_they_have(monkeypatch):
    for name in ("AWS_READ_TIMEOUT_SECONDS", "AWS_MAX_ATTEMPTS"):
        monkeypatch.delenv(name, raising=False)
    config = clients._config("dynamodb")
    assert (config.read_timeout, config.retries["total_max_attempts"]) == (30, 5)
