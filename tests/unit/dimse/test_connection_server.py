"""Connections are taken whatever happens, and never more than there is room for."""

import errno
import socket
import time
from contextlib import ExitStack

import pytest

from imaging.dimse.connection_server import Listening
from imaging.dimse.server import SPARE_CONNECTIONS
from tests.unit.dimse.pdus import associate, connect


def test_connections_above_the_bound_are_closed_as_they_come(make_endpoint):
    endpoint = make_endpoint(max_associations=1)
    with ExitStack() as silent:
        for _ in range(1 + SPARE_CONNECTIONS):
            silent.enter_context(connect(endpoint.port))
        with connect(endpoint.port) as too_many:
            assert too_many.recv(1) == b""
    for _ in range(100):  # the silent ones are noticed to have gone
        try:
            associate(endpoint.port).close()
        except AssertionError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("There is no room again.")


class ShortOfFiles:
    """A socket that finds no file for the first connection."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self.failures = [OSError(errno.EMFILE, "Too many open files"), OSError(errno.ECONNABORTED, "gone")]

    def accept(self):
        if self.failures:
            raise self.failures.pop()
        return self._listening.accept()

    def __getattr__(self, name):
        return getattr(self._listening, name)


def test_a_connection_that_cannot_be_taken_is_not_the_last_one(make_endpoint, monkeypatch):
    short: list[ShortOfFiles] = []

    def listening_at(address, secure):
        short.append(ShortOfFiles(socket.create_server(address)))
        return Listening(short[0], secure)

    monkeypatch.setattr("tests.unit.dimse.endpoint.listening_at", listening_at)
    endpoint = make_endpoint()
    associate(endpoint.port).close()
    assert short[0].failures == []
