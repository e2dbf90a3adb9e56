"""The end of a server: drained, not cut."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from imaging.dimse.accepted_association import AcceptedAssociation
from imaging.dimse.connection_server import listening_at
from imaging.dimse.pdus import P_DATA_TF
from imaging.dimse.policy import AssociationPolicy
from tests.unit.dimse.endpoint import Endpoint
from tests.unit.dimse.files import association_for, instance_bytes, send
from tests.unit.dimse.pdus import (
    A_ABORT,
    A_ASSOCIATE_RJ,
    A_RELEASE_RP,
    A_RELEASE_RQ_PDU,
    associate,
    association_request,
    connect,
    read_pdu,
    store_request,
)


@pytest.fixture
def draining(endpoint):
    """Runs `drain` beside the test."""
    with ThreadPoolExecutor() as pool:
        yield lambda seconds: pool.submit(endpoint.server.drain, seconds)


def test_a_running_association_comes_to_its_end(endpoint, draining, make_file):
    path = make_file()
    with association_for([path], endpoint.port) as association:
        drained = draining(10)
        time.sleep(0.7)
        with pytest.raises(ConnectionRefusedError):
            connect(endpoint.port)
        assert association.send_c_store(path).Status == 0x0000
    drained.result(timeout=5)
    (record,) = endpoint.journal.wait_for(1)
    assert (record.end, record.stored) == ("released", 1)


def test_a_connection_without_a_request_does_not_hold_it_up(endpoint, draining):
    with connect(endpoint.port):
        draining(10).result(timeout=3)


def test_a_request_on_a_connection_that_was_open_is_rejected_for_now(endpoint, draining):
    with connect(endpoint.port) as early, associate(endpoint.port):
        drained = draining(1)
        time.sleep(0.7)
        early.sendall(association_request())
        rejection = read_pdu(early)
        # transient, presentation, temporary congestion: PS3.8 Table 9-21
        assert (rejection[0], *rejection[7:10]) == (A_ASSOCIATE_RJ, 2, 3, 1)
        drained.result(timeout=5)


def test_what_lasts_too_long_is_aborted(endpoint, draining):
    with associate(endpoint.port) as connection:
        draining(0.2).result(timeout=5)
        assert read_pdu(connection)[0] == A_ABORT
    (record,) = endpoint.journal.wait_for(1)
    assert record.end == "aborted"


def test_a_store_that_hangs_does_not_hold_it_up_for_ever(endpoint, draining, make_file):
    endpoint.archive.open.clear()
    sender = threading.Thread(target=send, args=(make_file(), endpoint.port), daemon=True)
    sender.start()
    assert endpoint.archive.waiting.acquire(timeout=10)
    began = time.monotonic()
    draining(0.1).result(timeout=10)
    assert time.monotonic() - began < 5
    assert endpoint.stored == {}
    endpoint.archive.open.set()
    sender.join()
    for thread in threading.enumerate():
        if isinstance(thread, AcceptedAssociation):
            thread.join(5)
    time.sleep(0.1)
    assert len(endpoint.journal.associations) == 1  # told by the drain, and not again at its end


@pytest.mark.parametrize("where", ["decide", "prepare"])
def test_a_fault_of_ours_in_a_negotiation_is_told_and_ends_the_association(endpoint, monkeypatch, where):
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with connect(endpoint.port) as connection, monkeypatch.context() as patched:
        patched.setattr(AssociationPolicy, where, fail)
        connection.sendall(association_request())
        assert read_pdu(connection)[0] == A_ABORT
        assert read_pdu(connection) == b""
    assert [type(failure) for failure in endpoint.journal.failures] == [ZeroDivisionError]
    associate(endpoint.port).close()
    for record in endpoint.journal.wait_for(2 if where == "prepare" else 1):
        assert record.end == "aborted"


@pytest.mark.parametrize("stores", [1, 2])
def test_who_asks_for_release_before_the_answers_gets_them_all_the_same(endpoint, stores):
    """PS3.8 Table 9-10, Sta8: whoever is asked for release may still send."""
    endpoint.archive.open.clear()
    with associate(endpoint.port) as connection:
        connection.sendall(stores * b"".join(store_request(instance_bytes())) + A_RELEASE_RQ_PDU)
        assert endpoint.archive.waiting.acquire(timeout=10)
        time.sleep(0.1)
        endpoint.archive.open.set()
        for _ in range(stores):
            assert read_pdu(connection)[0] == P_DATA_TF
        assert read_pdu(connection)[0] == A_RELEASE_RP
    (record,) = endpoint.journal.wait_for(1)
    assert (record.end, record.stored) == ("released", stores)


def test_a_port_in_use_is_an_os_error(endpoint: Endpoint):
    with pytest.raises(OSError, match="in use"):
        listening_at(("127.0.0.1", endpoint.port))
