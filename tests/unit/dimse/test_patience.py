"""Peers that take their time: over a slow link, and to hold what they can for as long as they can."""

import socket
import threading
import time
from contextlib import closing, suppress

import pytest

from imaging.dimse import patience, wire
from imaging.dimse.accepted_association import AcceptedAssociation
from imaging.dimse.pdus import P_DATA_TF
from imaging.dimse.tls import client_context, server_context
from imaging.dimse.upper_layer import UpperLayer
from imaging.dimse.wire import wire_over
from tests.unit.dimse.certificates import authority
from tests.unit.dimse.files import instance_bytes
from tests.unit.dimse.pdus import (
    A_ABORT,
    A_ASSOCIATE_AC,
    associate,
    associate_over,
    association_request,
    connect,
    p_data,
    read_pdu,
    store_request,
)

HALF_A_SECOND = 0.5
LAST = 0x02


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    """Half a second instead of a minute."""
    monkeypatch.setattr(patience, "_GRACE_SECONDS", HALF_A_SECOND)
    monkeypatch.setattr(wire, "_LOOK_UP_SECONDS", 0.05)


def threads(kind: type) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if isinstance(thread, kind)]


def trickle(connection: socket.socket, content: bytes, seconds: float) -> float:
    """Send a byte now and then until the peer has gone, and return how long it took it to go."""
    began = time.monotonic()
    with suppress(OSError):
        for byte in content:
            if time.monotonic() - began > seconds:
                break
            connection.sendall(bytes([byte]))
            time.sleep(0.02)
    return time.monotonic() - began


@pytest.fixture(params=["plain", "TLS"])
def speak(make_endpoint, request):
    """An endpoint, and how to connect to it."""
    if request.param == "plain":
        endpoint = make_endpoint()
        return endpoint, lambda: connect(endpoint.port)
    hospital = authority()
    served = server_context(hospital.identity("archive"), "")
    endpoint = make_endpoint(secure=lambda plain: served.wrap_socket(plain, server_side=True))
    context = client_context("", hospital.pem)
    return endpoint, lambda: context.wrap_socket(connect(endpoint.port), server_hostname="127.0.0.1")


def test_a_request_for_an_association_that_trickles_in_is_not_waited_for(speak):
    endpoint, open_connection = speak
    endpoint.server.acceptor.ae.acse_timeout = HALF_A_SECOND
    with open_connection() as connection:
        assert trickle(connection, association_request(), 5) < 2
    for thread in threads(AcceptedAssociation) + threads(UpperLayer):
        thread.join(2)
        assert not thread.is_alive()
    assert endpoint.journal.associations == endpoint.journal.failures == []


def test_the_rest_of_a_request_that_comes_too_late_finds_nobody(endpoint):
    endpoint.server.acceptor.ae.acse_timeout = HALF_A_SECOND
    request = association_request()
    connections = [connect(endpoint.port) for _ in range(20)]
    for connection in connections:
        connection.sendall(request[:40])
    time.sleep(HALF_A_SECOND - 0.1)
    for connection in connections:  # at the moment in which nobody waits for it any longer, too
        time.sleep(0.01)
        with suppress(OSError):
            connection.sendall(request[40:])
    for connection in connections:
        with connection:
            answer = read_pdu(connection)
            assert not answer or answer[0] == A_ASSOCIATE_AC
    for thread in threads(AcceptedAssociation) + threads(UpperLayer):
        thread.join(2)
        assert not thread.is_alive()
    deadline = time.monotonic() + 2
    while endpoint.limit.in_flight and time.monotonic() < deadline:
        time.sleep(0.01)
    assert endpoint.limit.in_flight == 0


def test_a_pdu_that_trickles_in_is_not_waited_for(speak):
    endpoint, open_connection = speak
    command, fragment, *_ = store_request(instance_bytes(PixelData=bytes(1000), Rows=10, Columns=50))
    with open_connection() as connection:
        associate_over(connection)
        connection.sendall(command)
        assert HALF_A_SECOND < trickle(connection, fragment, 5) < 2.5
    (record,) = endpoint.journal.wait_for(1)
    assert record.end == "aborted"


def test_a_drain_does_not_wait_for_one_that_trickles_in(endpoint, monkeypatch):
    monkeypatch.setattr(patience, "_GRACE_SECONDS", 30)
    command, fragment, *_ = store_request(instance_bytes(PixelData=bytes(10_000), Rows=10, Columns=500))
    with associate(endpoint.port) as connection:
        connection.sendall(command)
        sender = threading.Thread(target=trickle, args=(connection, fragment, 5), daemon=True)
        sender.start()
        time.sleep(0.1)
        began = time.monotonic()
        endpoint.server.drain(0)
        assert time.monotonic() - began < 1.5
        assert read_pdu(connection)[0] == A_ABORT
        sender.join()


def test_a_long_pdu_may_come_over_a_slow_link(speak, monkeypatch):
    """It has the time that the slowest link takes for its length, beyond the idle limit too."""
    monkeypatch.setattr(patience, "_SLOWEST_BYTES_PER_SECOND", 50_000)
    endpoint, open_connection = speak
    endpoint.server.acceptor.ae.network_timeout = HALF_A_SECOND
    data_set = instance_bytes(PixelData=bytes(100_000), Rows=500, Columns=100)
    command, *_ = store_request(data_set)
    long_pdu = p_data(LAST, data_set)
    with open_connection() as connection:
        associate_over(connection)
        connection.sendall(command)
        began = time.monotonic()
        for place in range(0, len(long_pdu), 5000):
            connection.sendall(long_pdu[place : place + 5000])
            time.sleep(0.07)
        assert time.monotonic() - began > 2 * HALF_A_SECOND
        assert read_pdu(connection)[0] == P_DATA_TF
    assert len(endpoint.stored) == 1


@pytest.mark.parametrize("ended_by", ["patience", "the drain"])
def test_a_peer_that_reads_a_little_now_and_then_is_not_written_to_for_ever(endpoint, monkeypatch, ended_by):
    if ended_by == "the drain":
        monkeypatch.setattr(patience, "_GRACE_SECONDS", 30)
    monkeypatch.setattr(patience, "_SLOWEST_BYTES_PER_SECOND", 2**30)
    with closing(socket.socket()) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", endpoint.port))
        associate_over(connection)
        (association,) = threads(AcceptedAssociation)
        writer = threading.Thread(target=association.upper_layer.send_at_once, args=(b"\4" * 2**23,), daemon=True)
        writer.start()
        began = time.monotonic()
        while writer.is_alive() and time.monotonic() - began < 5:
            if ended_by == "the drain" and time.monotonic() - began > 0.2:
                endpoint.server.drain(0)
            with suppress(OSError):
                connection.recv(1000)
            time.sleep(0.02)
        assert time.monotonic() - began < 2
        (record,) = endpoint.journal.wait_for(1)
    assert record.end == "aborted"


def test_a_peer_that_has_gone_without_a_word_is_asked_for():
    with socket.create_server(("127.0.0.1", 0)) as listening, connect(listening.getsockname()[1]):
        connection, _ = listening.accept()
        with connection:
            wire_over(connection)
            assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            if hasattr(socket, "TCP_KEEPIDLE"):
                assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
