"""What the protocol does not have is answered with an A-ABORT, and nothing of it is kept; PS3.8 Table 9-10, AA-8."""

import socket
import time
from struct import pack

import pytest

from imaging.dimse import patience, wire
from tests.unit.dimse.files import data_set_of, instance_bytes
from tests.unit.dimse.pdus import (
    A_ABORT,
    A_RELEASE_RP,
    A_RELEASE_RQ_PDU,
    CONTEXT_ID,
    associate,
    association_request,
    connect,
    p_data,
    read_pdu,
    store_request,
)

COMMAND, DATA_SET, LAST = 0x01, 0x00, 0x02
STORE, FIRST_FRAGMENT, *_ = store_request(bytes(40_000))
COMMAND_SET = STORE[12:]
NOT_ASKED = CONTEXT_ID + 2


def pdv(length: int, rest: bytes) -> bytes:
    """A P-DATA-TF PDU with one item, whose length says what it likes."""
    item = pack(">L", length) + rest
    return pack(">BxL", 4, len(item)) + item


VIOLATIONS = {
    "a data set before its command": [FIRST_FRAGMENT],
    "a data set behind its last fragment": [STORE, p_data(LAST, b"data"), p_data(LAST, b"more")],
    "a command in the middle of a data set": [STORE, FIRST_FRAGMENT, STORE],
    "another context in the middle of a message": [STORE, p_data(DATA_SET, b"data", NOT_ASKED)],
    "a context that was not accepted": [p_data(COMMAND | LAST, COMMAND_SET, NOT_ASKED)],
    "a command set that is none": [p_data(COMMAND | LAST, b"\x08\0\x18\0\x04\0\0\0abcd")],
    "an empty command set": [p_data(COMMAND | LAST, b"")],
    "a command set without end": [p_data(COMMAND, bytes(20_000))] * 4,
    "a store without a data set": [
        p_data(COMMAND | LAST, COMMAND_SET.replace(pack("<HHLH", 0, 0x800, 2, 1), pack("<HHLH", 0, 0x800, 2, 0x101)))
    ],
    "an echo with a data set": [
        p_data(COMMAND | LAST, pack("<HHLHHHLHHHLH", 0, 0x100, 2, 0x30, 0, 0x110, 2, 1, 0, 0x800, 2, 1)),
        p_data(DATA_SET, bytes(100)),
    ],
    "a search for more than a megabyte": [
        p_data(COMMAND | LAST, pack("<HHLHHHLHHHLH", 0, 0x100, 2, 0x20, 0, 0x110, 2, 1, 0, 0x800, 2, 1)),
        *[p_data(DATA_SET, bytes(2**18))] * 5,
    ],
    "a request that nobody serves": [
        p_data(COMMAND | LAST, pack("<HHLHHHLHHHLH", 0, 0x100, 2, 0x150, 0, 0x110, 2, 1, 0, 0x800, 2, 0x101))
    ],
    "a response that nobody waits for, again and again": [
        p_data(COMMAND | LAST, pack("<HHLHHHLHHHLH", 0, 0x100, 2, 0x8030, 0, 0x120, 2, 1, 0, 0x800, 2, 0x101))
    ]
    * 9,
    "a fragment longer than its PDU": [pdv(99, bytes([CONTEXT_ID, 3]) + b"x")],
    "a fragment shorter than its header": [pdv(1, bytes([CONTEXT_ID, 3]))],
    "an item cut off in its header": [pack(">BxL", 4, 3) + b"\0\0\0"],
    "an unknown PDU": [pack(">BxL", 9, 4) + bytes(4)],
    "a PDU of gigabytes": [pack(">BxL", 4, 0xFFFFFFFF)],
    "a second request for an association": [association_request()],
    "an acceptance that nobody asked for": [pack(">BxL", 2, 4) + bytes(4)],
    "a release nobody asked for confirmed": [pack(">BxL", 6, 4) + bytes(4)],
}


@pytest.mark.parametrize("pdus", VIOLATIONS.values(), ids=VIOLATIONS)
def test_the_association_is_aborted_and_nothing_is_kept(endpoint, pdus):
    with associate(endpoint.port) as connection:
        for pdu in pdus:
            try:
                connection.sendall(pdu)
            except (BrokenPipeError, ConnectionResetError):
                break
        answers = []
        while answer := read_pdu(connection):
            answers.append(answer[0])
        assert answers[-1] == A_ABORT
    (record,) = endpoint.journal.wait_for(1)
    assert (record.end, record.stored) == ("aborted", 0)
    assert endpoint.stored == {}
    assert endpoint.journal.failures == []


def test_more_requests_in_one_pdu_than_may_wait_are_one_too_many(endpoint):
    """Those of the next PDU are not read before there is room; these have been."""
    endpoint.archive.open.clear()
    value = b"".join(pdu[6:] for pdu in store_request(instance_bytes()))
    with associate(endpoint.port) as connection:
        connection.sendall(pack(">BxL", 4, 3 * len(value)) + 3 * value)
        assert read_pdu(connection)[0] == A_ABORT
        endpoint.archive.open.set()
    (record,) = endpoint.journal.wait_for(1)
    assert record.end == "aborted"
    assert endpoint.journal.failures == []


@pytest.mark.parametrize("first", [A_RELEASE_RQ_PDU, STORE, pack(">BxL", 1, 10) + bytes(10), b"GET / HTTP/1.1\r\n\r\n"])
def test_what_comes_before_an_association_is_answered_with_an_abort_and_leaves_no_trace(endpoint, first):
    with connect(endpoint.port) as connection:
        connection.sendall(first)
        assert read_pdu(connection)[0] == A_ABORT
        assert read_pdu(connection) == b""
    assert endpoint.journal.associations == endpoint.journal.failures == []


@pytest.mark.parametrize("cut", [3, 8, -1])
def test_a_peer_that_stalls_in_the_middle_of_a_pdu_is_dropped(endpoint, monkeypatch, cut):
    monkeypatch.setattr(patience, "_GRACE_SECONDS", 0.5)
    monkeypatch.setattr(patience, "_SLOWEST_BYTES_PER_SECOND", 2**30)
    monkeypatch.setattr(wire, "_LOOK_UP_SECONDS", 0.1)
    with associate(endpoint.port) as connection:
        connection.sendall(STORE + FIRST_FRAGMENT[:cut])
        assert read_pdu(connection) in {b"", pack(">BxLL", A_ABORT, 4, 0)}
    (record,) = endpoint.journal.wait_for(1)
    assert record.end == "aborted"


def test_a_connection_that_asks_for_nothing_is_closed_in_time(endpoint):
    endpoint.server.acceptor.ae.acse_timeout = 0.3
    with connect(endpoint.port) as connection:
        assert read_pdu(connection) == b""


def test_an_association_that_stays_idle_is_aborted(endpoint):
    endpoint.server.acceptor.ae.network_timeout = 0.5
    began = time.monotonic()
    with associate(endpoint.port) as connection:
        time.sleep(0.3)
        connection.sendall(b"".join(store_request(b"no data set")))
        assert read_pdu(connection)  # which begins the time anew
        assert read_pdu(connection)[0] == A_ABORT
        assert time.monotonic() - began > 0.75


def test_fragments_may_be_cut_anyhow_and_share_a_pdu(endpoint):
    data_set = instance_bytes()
    uid = "1.2.3.4"
    command, *_ = store_request(data_set, sop_instance_uid=uid)
    encoded = command[12:]
    items = [
        *((COMMAND, encoded[place : place + 1]) for place in range(20)),
        (COMMAND, b""),
        (COMMAND | LAST, encoded[20:]),
        *((DATA_SET, data_set[place : place + 2]) for place in range(0, 60, 2)),
        (DATA_SET, b""),
        (0xF0 | DATA_SET | LAST, data_set[60:]),  # PS3.8 E.2: what the other bits say is nothing to us
    ]
    value = b"".join(pack(">LBB", len(fragment) + 2, CONTEXT_ID, header) + fragment for header, fragment in items)
    with associate(endpoint.port) as connection:
        connection.sendall(pack(">BxL", 4, len(value)) + value)
        assert read_pdu(connection)
        connection.sendall(A_RELEASE_RQ_PDU)
        assert read_pdu(connection)[0] == A_RELEASE_RP
    (body,) = endpoint.stored.values()
    assert data_set_of(body) == data_set


def test_bytes_that_trickle_in_are_put_together(endpoint):
    data_set = instance_bytes()
    with associate(endpoint.port) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"".join(store_request(data_set)):
            connection.sendall(bytes([byte]))
        assert read_pdu(connection)
    (body,) = endpoint.stored.values()
    assert data_set_of(body) == data_set
