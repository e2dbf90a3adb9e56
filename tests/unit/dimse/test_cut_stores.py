"""A store that is cut off at any of its stages: stored whole or not at all, and the endpoint serves on."""

import time
from struct import pack

import pytest

from tests.unit.dimse.files import data_set_of, instance_bytes
from tests.unit.dimse.pdus import A_ABORT_PDU, associate, association_request, connect, read_pdu, store_request

DATA_SET = instance_bytes(PixelData=bytes(range(256)) * 256, Rows=128, Columns=256)
PDUS = list(store_request(DATA_SET))
STAGES = range(len(PDUS) + 1)


def cut_off(connection, how):
    """End the connection: in order, by an abort, or by a reset."""
    if how == "abort":
        connection.sendall(A_ABORT_PDU)
    elif how == "reset":
        connection.setsockopt(1, 13, pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER: what is unsent is thrown away
    connection.close()


@pytest.mark.parametrize("how", ["close", "abort", "reset"])
def test_whatever_has_come_of_it_nothing_half_is_stored(endpoint, how):
    ended = 0
    for sent in STAGES:
        for part in (0, 5, 11, 40):  # whole PDUs, and beginnings of the next
            connection = associate(endpoint.port)
            following = PDUS[sent][:part] if sent < len(PDUS) else b""
            connection.sendall(b"".join(PDUS[:sent]) + following)
            cut_off(connection, how)
            ended += 1
    records = endpoint.journal.wait_for(ended)
    assert {record.end for record in records} == {"aborted"}
    assert all(data_set_of(body) == DATA_SET for body in endpoint.stored.values())
    with associate(endpoint.port) as connection:
        connection.sendall(b"".join(PDUS))
        assert b"1.2.3.4" in read_pdu(connection)
    (body,) = endpoint.stored.values()
    assert data_set_of(body) == DATA_SET
    assert endpoint.journal.failures == []


@pytest.mark.parametrize("how", ["close", "abort", "reset"])
def test_what_is_cut_off_before_its_response_is_stored_whole_and_told_to_nobody(endpoint, how):
    endpoint.archive.open.clear()
    connection = associate(endpoint.port)
    connection.sendall(b"".join(PDUS))
    assert endpoint.archive.waiting.acquire(timeout=10)
    cut_off(connection, how)
    time.sleep(0.1)
    endpoint.archive.open.set()
    (record,) = endpoint.journal.wait_for(1)
    assert record.end == "aborted"
    (body,) = endpoint.stored.values()
    assert data_set_of(body) == DATA_SET


@pytest.mark.parametrize("part", [0, 1, 6, 70, -1])
def test_an_association_that_is_cut_off_while_it_is_asked_for_leaves_no_trace(endpoint, part):
    with connect(endpoint.port) as connection:
        connection.sendall(association_request()[:part])
    with associate(endpoint.port):
        pass
    assert len(endpoint.journal.wait_for(1)) == 1
