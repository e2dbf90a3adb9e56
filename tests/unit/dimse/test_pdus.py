"""What is not even read, and what is not decoded."""

import time
from struct import pack

import pytest

from imaging.dimse.pdus import ProtocolViolation, check_length, check_proposed_contexts
from tests.unit.dimse.pdus import (
    A_ABORT,
    A_ASSOCIATE_AC,
    associate_over,
    association_request,
    connect,
    read_pdu,
)

KIB = 1024


def context(context_id: int, transfer_syntaxes: int = 1) -> bytes:
    """A presentation context item, PS3.8 Table 9-13, with transfer syntaxes that have no name."""
    value = bytes([context_id, 0, 0, 0]) + b"\x40\0\0\0" * transfer_syntaxes
    return pack(">BxH", 0x20, len(value)) + value


def request_with(items: bytes) -> bytes:
    """An A-ASSOCIATE-RQ with these items behind its own."""
    whole = association_request() + items
    return pack(">BxL", 1, len(whole) - 6) + whole[6:]


@pytest.mark.parametrize(
    ("kind", "most"), [(1, 256 * KIB), (2, 256 * KIB), (3, 16), (4, 4096 * KIB), (5, 16), (6, 16), (7, 16)]
)
def test_a_pdu_is_as_long_as_its_type_needs(kind, most):
    check_length(kind, most)
    with pytest.raises(ProtocolViolation):
        check_length(kind, most + 1)


@pytest.mark.parametrize("kind", [0, 8, 0x47, 0xFF])
def test_there_are_no_other_pdus(kind):
    with pytest.raises(ProtocolViolation):
        check_length(kind, 4)


def test_128_contexts_are_proposed_at_most_and_each_once():
    every = [context(number) for number in range(3, 256, 2)]
    check_proposed_contexts(request_with(b"".join(every)))
    for wrong in (every[5], context(1), context(2), every[0] * 1000):
        with pytest.raises(ProtocolViolation):
            check_proposed_contexts(request_with(b"".join([*every, wrong])))


@pytest.mark.parametrize("cut", range(70, 120))
def test_a_request_cut_off_anywhere_is_for_the_decoder_to_refuse(cut):
    check_proposed_contexts(association_request()[:cut])


@pytest.mark.parametrize(
    "request_pdu",
    [request_with(context(1, 60)), request_with(context(3, 16_000) * 64), pack(">BxL", 1, 2**32 - 1)],
    ids=["a context twice", "four megabytes", "four gigabytes"],
)
def test_who_asks_so_is_told_at_once_and_holds_up_nobody(endpoint, request_pdu):
    with connect(endpoint.port) as connection, connect(endpoint.port) as other:
        began = time.monotonic()
        connection.sendall(request_pdu[: 256 * KIB])
        assert read_pdu(connection)[0] == A_ABORT
        associate_over(other)
        assert time.monotonic() - began < 1
    assert endpoint.journal.failures == []


def test_as_many_contexts_and_transfer_syntaxes_as_fit_are_negotiated(endpoint):
    request = request_with(b"".join(context(number, 500) for number in range(3, 256, 2)))
    assert 240 * KIB < len(request) < 256 * KIB
    with connect(endpoint.port) as connection:
        connection.sendall(request)
        assert read_pdu(connection)[0] == A_ASSOCIATE_AC
