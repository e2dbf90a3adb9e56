"""Connections: the silent, the slow, the idle and the hostile."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pynetdicom.association import Association

from imaging.dimse.upper_layer import UpperLayer
from tests.unit.dimse.files import association_for, data_set_of, send
from tests.unit.dimse.pdus import (
    A_ABORT,
    A_RELEASE_RP,
    A_RELEASE_RQ_PDU,
    associate,
    connect,
    read_pdu,
    store_request,
)


def association_threads() -> int:
    return sum(isinstance(thread, Association | UpperLayer) for thread in threading.enumerate())


def wait_until(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def test_a_health_check_leaves_no_trace(endpoint):
    for _ in range(10):
        connect(endpoint.port).close()
    wait_until(lambda: association_threads() == 0)
    assert endpoint.journal.associations == []


def test_idle_associations_cost_nothing_and_answer_at_once(endpoint):
    connections = [associate(endpoint.port) for _ in range(30)]
    time.sleep(0.3)
    before = time.process_time()
    time.sleep(1.5)
    assert time.process_time() - before < 0.05  # polled, they take more than one processor
    asked = time.monotonic()
    connections[0].sendall(A_RELEASE_RQ_PDU)
    assert read_pdu(connections[0])[0] == A_RELEASE_RP
    assert time.monotonic() - asked < 5
    for connection in connections:
        connection.close()
    endpoint.journal.wait_for(30)


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="this system acknowledges when it likes")
def test_a_client_with_nagles_algorithm_on_is_not_held_back(endpoint, make_file):
    data_set = data_set_of(make_file().read_bytes())
    durations = []
    with associate(endpoint.port) as connection:
        for _ in range(40):
            began = time.monotonic()
            for pdu in store_request(data_set):
                # In two writes, as DCMTK does: the second waits for the acknowledgement of the first.
                connection.sendall(pdu[:6])
                connection.sendall(pdu[6:])
            assert read_pdu(connection)
            durations.append(time.monotonic() - began)
    assert min(durations[20:]) < 0.035  # an acknowledgement may be delayed by 40 ms, and then all are


def test_one_association_that_waits_for_the_store_blocks_no_other(endpoint, make_file):
    endpoint.archive.open.clear()
    with ThreadPoolExecutor() as pool:
        held = pool.submit(send, make_file(), endpoint.port)
        assert endpoint.archive.waiting.acquire(timeout=10)
        with association_for([], endpoint.port) as other:
            assert other.send_c_echo().Status == 0x0000
        assert not held.done()
        endpoint.archive.open.set()
        assert held.result().Status == 0x0000


def test_twenty_associations_at_once(endpoint, make_file):
    paths = [make_file() for _ in range(40)]

    def send_two(number: int) -> list[int]:
        mine = paths[2 * number : 2 * number + 2]
        with association_for(mine, endpoint.port) as association:
            return [association.send_c_store(path).Status for path in mine]

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(send_two, range(20))) == [[0x0000, 0x0000]] * 20
    assert sorted(endpoint.stored.values()) == sorted(path.read_bytes() for path in paths)
    assert sum(record.stored for record in endpoint.journal.wait_for(20)) == 40


def test_a_request_that_lacks_what_it_must_have_is_answered_with_an_abort(endpoint):
    with associate(endpoint.port) as connection:
        connection.sendall(b"".join(store_request(b"data set", sop_instance_uid=None)))
        assert read_pdu(connection)[0] == A_ABORT
    (record,) = endpoint.journal.wait_for(1)
    assert record.end == "aborted"
