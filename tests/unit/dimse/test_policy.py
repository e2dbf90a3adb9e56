"""Whose association is accepted."""

from ipaddress import ip_network

import pytest
from pynetdicom import AE

from imaging.dimse.peers import Peer, Peers, Service
from tests.unit.dimse.files import association_for
from tests.unit.dimse.pdus import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, association_request, connect, read_pdu

HERE, ELSEWHERE = (ip_network("127.0.0.0/8"),), (ip_network("192.0.2.0/24"),)
REGISTRY = Peers(
    (
        Peer("CT1", networks=HERE),
        Peer("CT2", "192.0.2.1", networks=ELSEWHERE),
        Peer("LOCAL", "localhost"),
        Peer("RESEARCHER", networks=HERE, spaces=frozenset({"research"})),
        Peer("*", networks=ELSEWHERE),
    ),
    accepts_unknown=False,
)


def test_answers_an_echo_of_anyone(endpoint):
    with association_for([], endpoint.port) as association:
        assert association.send_c_echo().Status == 0x0000
    (record,) = endpoint.journal.wait_for(1)
    assert (record.calling_ae_title, record.space, record.end) == ("MODALITY", "main", "released")
    assert (record.address, record.peer) == ("127.0.0.1", Peer("MODALITY"))


@pytest.mark.parametrize("called", ["NOBODY", "main", "PYNETDICOM", "MAIN2"])
def test_an_unknown_called_ae_title_is_rejected_for_good(endpoint, called):
    with association_for([], endpoint.port, called=called) as association:
        assert association.is_rejected
        rejection = association.acceptor.primitive
    # permanent, service-user, called AE title not recognised: PS3.8 Table 9-21
    assert (rejection.result, rejection.result_source, rejection.diagnostic) == (1, 1, 7)
    (record,) = endpoint.journal.wait_for(1)
    assert (record.end, record.rejected_because) == ("rejected", "called AE title not recognised")


@pytest.mark.parametrize("calling", ["A", "SIXTEEN_CHARS_XX", "with space", "b/c+d"])
def test_any_caller_is_welcome_where_nothing_else_is_said(endpoint, calling):
    with association_for([], endpoint.port, calling=calling) as association:
        assert association.is_established


@pytest.mark.parametrize(("calling", "called"), [("CT1", "MAIN"), ("LOCAL", "RESEARCH"), ("RESEARCHER", "RESEARCH")])
def test_who_is_registered_is_let_in_by_its_entry(make_endpoint, calling, called):
    endpoint = make_endpoint(peers=REGISTRY)
    with association_for([], endpoint.port, calling=calling, called=called) as association:
        assert association.send_c_echo().Status == 0x0000
    (record,) = endpoint.journal.wait_for(1)
    assert (record.peer.ae_title, record.space) == (calling, called.lower())


@pytest.mark.parametrize(
    ("calling", "because"),
    [
        ("STRANGER", "calling AE title not in the registry"),
        ("ct1", "calling AE title not in the registry"),
        ("CT2", "calling AE title comes from another address than the registry has"),
        ("RESEARCHER", "calling AE title may not speak to this space"),
    ],
)
def test_who_is_not_let_in_is_rejected_for_good_and_the_log_says_why(make_endpoint, calling, because):
    endpoint = make_endpoint(peers=REGISTRY)
    with association_for([], endpoint.port, calling=calling) as association:
        rejection = association.acceptor.primitive
    # permanent, service-user, calling AE title not recognised: PS3.8 Table 9-21
    assert (rejection.result, rejection.result_source, rejection.diagnostic) == (1, 1, 3)
    (record,) = endpoint.journal.wait_for(1)
    assert (record.end, record.rejected_because, record.peer) == ("rejected", because, None)


@pytest.mark.parametrize(
    ("title", "answer"),
    [
        (b" MAIN           ", A_ASSOCIATE_AC),
        (b"MAIN" + 12 * b"\0", A_ASSOCIATE_AC),
        (b"MA IN" + 11 * b" ", A_ASSOCIATE_RJ),
    ],
)
def test_only_what_is_around_a_title_does_not_count(endpoint, title, answer):
    request = association_request()
    with connect(endpoint.port) as connection:
        connection.sendall(request.replace(b"MAIN            ", title))
        assert read_pdu(connection)[0] == answer


def test_another_application_context_is_rejected_for_good(endpoint):
    with connect(endpoint.port) as connection:
        connection.sendall(association_request().replace(b"1.2.840.10008.3.1.1.1", b"1.2.840.10008.3.1.1.2"))
        # permanent, service-user, application context name not supported: PS3.8 Table 9-21
        assert read_pdu(connection)[7:10] == bytes([1, 1, 2])
    (record,) = endpoint.journal.wait_for(1)
    assert record.rejected_because == "application context not supported"


def test_more_associations_than_allowed_are_rejected_for_now(make_endpoint):
    endpoint = make_endpoint(max_associations=1)
    with association_for([], endpoint.port) as first:
        assert first.is_established
        with association_for([], endpoint.port) as second:
            rejection = second.acceptor.primitive
            # transient, presentation, local limit exceeded: PS3.8 Table 9-21
            assert (rejection.result, rejection.result_source, rejection.diagnostic) == (2, 3, 2)
    endpoint.journal.wait_for(2)
    with association_for([], endpoint.port) as third:
        assert third.is_established


def test_who_may_do_nothing_may_ask_whether_we_are_here(make_endpoint, make_file):
    endpoint = make_endpoint(peers=Peers((Peer("MODALITY", services=frozenset[Service]()),)))
    with association_for([], endpoint.port) as association:
        assert association.send_c_echo().Status == 0x0000
    ae = AE("MODALITY")
    ae.add_requested_context("1.2.840.10008.5.1.4.1.1.2")
    association = ae.associate("127.0.0.1", endpoint.port, ae_title="MAIN")
    # accepted with every context refused: the requestor decides what that is worth to it
    assert [context.result for context in association.rejected_contexts] == [0x03]
    endpoint.journal.wait_for(2)
    assert endpoint.journal.associations[1].end != "rejected"
