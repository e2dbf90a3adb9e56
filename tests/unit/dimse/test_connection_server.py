"""Connections are taken whatever happens, and never more than there is room for."""

import errno
import socket
import time
from contextlib import ExitStack
from threading import Event

import pytest

from imaging.dimse.connection_server import ConnectionServer, Listening, listening_at
from imaging.dimse.policy import TOO_MANY_CONNECTIONS
from imaging.dimse.room import Room
from imaging.dimse.server import SPARE_CONNECTIONS
from tests.unit.dimse.pdus import A_ASSOCIATE_RJ, associate, associate_over, association_request, connect, read_pdu


def connected_from(host: str, port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(host, 0))


def fill(silent: ExitStack, port: int, host: str, connections: int) -> None:
    for _ in range(connections):
        silent.enter_context(connected_from(host, port))


def test_who_fills_up_the_room_leaves_some_for_others_until_nobody_has_any(make_endpoint):
    endpoint = make_endpoint(max_associations=1)
    with ExitStack() as silent:
        fill(silent, endpoint.port, "127.0.0.1", 1 + SPARE_CONNECTIONS // 2)
        with connect(endpoint.port) as too_many:
            assert read_pdu(too_many)[7:10] == bytes(TOO_MANY_CONNECTIONS[:3])
            assert read_pdu(too_many) == b""
        with connected_from("127.0.0.2", endpoint.port) as other:
            associate_over(other)
        fill(silent, endpoint.port, "127.0.0.2", SPARE_CONNECTIONS // 2)
        with connected_from("127.0.0.3", endpoint.port) as too_many:
            too_many.sendall(association_request())
            assert read_pdu(too_many)[0] == A_ASSOCIATE_RJ
    told = endpoint.journal.wait_for(3)
    assert [(record.address, record.rejected_because) for record in told if record.end == "rejected"] == [
        (address, TOO_MANY_CONNECTIONS.because) for address in ("127.0.0.1", "127.0.0.3")
    ]
    for _ in range(100):  # the silent ones are noticed to have gone
        try:
            associate(endpoint.port).close()
        except AssertionError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("There is no room again.")


def test_each_socket_has_a_room_of_its_own_and_who_would_speak_tls_is_just_closed():
    served, turned_away = Event(), []

    def keep(connection, _):
        served.set()
        connection.recv(1)

    plain, tls = listening_at(("127.0.0.1", 0)), listening_at(("127.0.0.1", 0), secure=lambda connection: connection)
    server = ConnectionServer(
        [plain, tls], keep, lambda *told: turned_away.append((told[1][0], told[2])), lambda: Room(1, 0)
    )
    server.start()
    for listening in (tls, plain):
        served.clear()
        with connect(listening.port), connect(listening.port) as second:
            assert second.recv(1) == b""
            assert served.wait(5)
    assert turned_away == [("127.0.0.1", True), ("127.0.0.1", False)]
    server.shutdown()


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
