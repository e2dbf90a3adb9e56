"""No bytes take the endpoint down: each connection ends in an answer, an A-ABORT or its end, and the next is served."""

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.dimse.endpoint import Endpoint
from tests.unit.dimse.files import data_set_of, instance_bytes
from tests.unit.dimse.pdus import (
    A_ABORT,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_RELEASE_RP,
    associate,
    association_request,
    connect,
    p_data,
    read_pdu,
    store_request,
)

P_DATA = 0x04
ANSWERS = {A_ASSOCIATE_AC, A_ASSOCIATE_RJ, P_DATA, A_RELEASE_RP, A_ABORT}
REQUEST = association_request()
STORE = b"".join(store_request(instance_bytes()))

pdus = st.builds(
    lambda kind, length, body: bytes([kind, 0]) + (len(body) if length is None else length).to_bytes(4, "big") + body,
    st.integers(0, 8),
    st.none() | st.integers(0, 2**32 - 1),
    st.binary(max_size=80),
)
fragments = st.builds(p_data, st.integers(0, 255), st.binary(max_size=120), st.sampled_from([1, 1, 1, 3, 0, 255]))


@st.composite
def with_errors(draw: st.DrawFn, whole: bytes) -> bytes:
    """What somebody meant well, with bytes of it changed, left out or put in."""
    broken = bytearray(whole)
    for place in draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=6)):
        kind = draw(st.sampled_from(["change", "change", "cut", "insert"]))
        if kind == "change" and place < len(broken):
            broken[place] = draw(st.integers(0, 255))
        elif kind == "cut":
            del broken[place : place + draw(st.integers(1, 9))]
        else:
            broken[place:place] = draw(st.binary(max_size=9))
    return bytes(broken)


@pytest.fixture(scope="module")
def hardy() -> Iterator[Endpoint]:
    running = Endpoint()
    yield running
    running.stop()


def answers_to(connection: socket.socket, content: bytes) -> list[int]:
    """The kinds of PDUs that come back until the peer has closed too."""
    try:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # it has had enough already
    kinds = []
    while answer := read_pdu(connection):
        kinds.append(answer[0])
    return kinds


def check_that_it_serves_on(endpoint: Endpoint) -> None:
    with associate(endpoint.port) as connection:
        connection.sendall(STORE)
        assert read_pdu(connection)[0] == P_DATA
    assert all(data_set_of(body) for body in endpoint.stored.values())
    assert endpoint.journal.failures == []


@settings(max_examples=60)
@given(first=with_errors(REQUEST) | st.binary(min_size=1, max_size=300) | pdus)
def test_before_an_association(hardy, first):
    with connect(hardy.port) as connection:
        assert set(answers_to(connection, first)) <= ANSWERS
    check_that_it_serves_on(hardy)


@settings(max_examples=120)
@given(
    then=st.lists(with_errors(STORE) | pdus | fragments | st.binary(max_size=60) | st.just(STORE), max_size=6).map(
        b"".join
    )
)
def test_over_an_association(hardy, then):
    with associate(hardy.port) as connection:
        assert set(answers_to(connection, then)) <= ANSWERS
    check_that_it_serves_on(hardy)
