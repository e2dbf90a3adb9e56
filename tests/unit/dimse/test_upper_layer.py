"""What comes in while a request is answered, and how much of it."""

import threading
import time
from contextlib import suppress
from struct import pack

import pytest
from pydicom import Dataset
from pynetdicom import AE
from pynetdicom.dimse_primitives import C_FIND, N_ACTION

from imaging.dimse.accepted_association import Served
from imaging.dimse.sop_classes import STORAGE_COMMITMENT_PUSH_MODEL, STUDY_ROOT_FIND
from imaging.dimse.status import SUCCESS, response
from imaging.dimse.tls import client_context, server_context
from tests.unit.dimse.certificates import authority
from tests.unit.dimse.files import data_set_of, instance_bytes
from tests.unit.dimse.pdus import A_ABORT, associate, p_data, read_pdu, store_request

CANCELLED, PENDING = 0xFE00, 0xFF00


class PatientSearch:
    """Answers until it is told to stop."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def answer(self, _request, exchange):
        self.asked.set()
        self.go_on.wait(10)
        while not exchange.is_cancelled:
            exchange.respond(response(PENDING), b"\x08\0\x52\0CS\x06\0STUDY ")
            time.sleep(0.002)
        exchange.respond(response(CANCELLED))


@pytest.fixture
def search():
    return PatientSearch()


@pytest.fixture(params=["plain", "TLS"])
def asking(make_endpoint, search, request):
    """An association that may search; over TLS one thread reads and another writes all the same."""
    hospital = authority()
    served = server_context(hospital.identity("archive"), "")
    tls = request.param == "TLS"
    endpoint = make_endpoint(
        {C_FIND: Served(search, frozenset({STUDY_ROOT_FIND}))},
        secure=(lambda plain: served.wrap_socket(plain, server_side=True)) if tls else None,
    )
    ae = AE()
    ae.add_requested_context(STUDY_ROOT_FIND)
    tls_args = (client_context("", hospital.pem), "127.0.0.1") if tls else None
    association = ae.associate("127.0.0.1", endpoint.port, ae_title="MAIN", tls_args=tls_args)
    yield association
    association.release()


def statuses(responses):
    return [status.Status for status, _ in responses]


def query():
    ds = Dataset()
    ds.QueryRetrieveLevel = "STUDY"
    return ds


def test_a_cancellation_comes_through_while_a_search_is_answered(asking):
    found = asking.send_c_find(query(), STUDY_ROOT_FIND, msg_id=5)
    next(found)
    began = time.monotonic()
    asking.send_c_cancel(5, query_model=STUDY_ROOT_FIND)
    assert set(statuses(found)) == {PENDING, CANCELLED}
    assert time.monotonic() - began < 1


def test_a_cancellation_of_another_request_or_of_one_that_is_over_says_nothing(asking):
    for message_id in (5, 6):
        asking.send_c_cancel(message_id + 1, query_model=STUDY_ROOT_FIND)
        found = asking.send_c_find(query(), STUDY_ROOT_FIND, msg_id=message_id)
        assert statuses([next(found), next(found)]) == [PENDING, PENDING]
        asking.send_c_cancel(message_id, query_model=STUDY_ROOT_FIND)
        assert statuses(found)[-1] == CANCELLED


def test_a_cancellation_that_overtakes_the_answering_counts(make_endpoint, search):
    search.go_on.clear()
    endpoint = make_endpoint({C_FIND: Served(search, frozenset({STUDY_ROOT_FIND}))})
    ae = AE()
    ae.add_requested_context(STUDY_ROOT_FIND)
    association = ae.associate("127.0.0.1", endpoint.port, ae_title="MAIN")
    found = association.send_c_find(query(), STUDY_ROOT_FIND, msg_id=5)
    answers = threading.Thread(target=lambda: answered.extend(statuses(found)))
    answered: list[int] = []
    answers.start()
    assert search.asked.wait(10)
    association.send_c_cancel(5, query_model=STUDY_ROOT_FIND)
    time.sleep(0.1)
    search.go_on.set()
    answers.join(10)
    assert answered == [CANCELLED]
    association.release()


def test_who_sends_on_without_waiting_for_answers_has_to_wait(endpoint):
    """However much it is: of what one peer sends, two requests are in memory."""
    pdus = b"".join(store_request(instance_bytes(PixelData=bytes(900_000), Rows=450, Columns=1000)))
    endpoint.archive.open.clear()
    with associate(endpoint.port) as connection:
        connection.settimeout(1)
        sent = 0
        with suppress(TimeoutError):
            while sent < 40 * len(pdus):
                sent += connection.send(pdus[sent % len(pdus) :])
        assert 2 * len(pdus) <= sent < 20 * len(pdus)  # what the kernel holds of it at both ends, and two
        endpoint.archive.open.set()
        connection.settimeout(10)
        for _ in range(3):
            assert read_pdu(connection)[0] == 0x04
        connection.sendall(pdus[sent % len(pdus) :])
        for _ in range(sent // len(pdus) - 2):
            assert read_pdu(connection)[0] == 0x04
    (body,) = endpoint.stored.values()
    assert len(data_set_of(body)) > 900_000


def test_who_says_half_a_pdu_and_no_more_does_not_hold_up_the_end(endpoint):
    command, fragment, *_ = store_request(instance_bytes(PixelData=bytes(20_000), Rows=100, Columns=100))
    with associate(endpoint.port) as connection:
        connection.sendall(command + fragment[:1000])
        time.sleep(0.1)
        began = time.monotonic()
        endpoint.server.drain(0)
        assert time.monotonic() - began < 3
        assert read_pdu(connection)[0] == A_ABORT
    (record,) = endpoint.journal.wait_for(1)
    assert record.end == "aborted"


def test_a_response_is_one_packet_of_one_pdu(endpoint):
    """A client that leaves Nagle's algorithm on is not kept waiting for the rest of it."""
    with associate(endpoint.port) as connection:
        connection.sendall(b"".join(store_request(instance_bytes())))
        received = connection.recv(65536)
        assert len(received) == 6 + int.from_bytes(received[2:6], "big")


def test_an_abort_reaches_a_peer_that_is_still_sending(endpoint):
    """A connection that is closed before it has been read to its end is reset, and the peer never learns why."""
    with associate(endpoint.port) as connection:
        connection.sendall(p_data(0, b"no command") + pack(">BxL", 4, 100_000) + bytes(100_000))
        assert read_pdu(connection)[0] == A_ABORT
        assert read_pdu(connection) == b""


def test_a_long_action_information_waits_on_disk_and_comes_whole(make_endpoint):
    class Taking:
        def answer(self, request, exchange):
            self.in_memory = request.ActionInformation.getbuffer().nbytes
            self.size_bytes = len(request.ActionInformation.getvalue())
            exchange.respond(response(SUCCESS))

    service = Taking()
    endpoint = make_endpoint({N_ACTION: Served(service, frozenset({STORAGE_COMMITMENT_PUSH_MODEL}))})
    ae = AE()
    ae.add_requested_context(STORAGE_COMMITMENT_PUSH_MODEL)
    association = ae.associate("127.0.0.1", endpoint.port, ae_title="MAIN")
    information = Dataset()
    information.EncapsulatedDocument = bytes(3_000_000)
    status, _ = association.send_n_action(information, 1, STORAGE_COMMITMENT_PUSH_MODEL, "1.2.840.10008.1.20.1.1")
    association.release()
    assert status.Status == SUCCESS
    assert service.in_memory == 0
    assert service.size_bytes > 3_000_000
