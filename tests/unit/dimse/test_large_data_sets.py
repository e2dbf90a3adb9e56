"""Data sets of any size come in over any connection in little memory, and every byte of them arrives."""

import hashlib
import socket
import tracemalloc
from collections.abc import Callable

import pytest

from imaging.dimse.tls import client_context, server_context
from tests.unit.dimse.certificates import authority
from tests.unit.dimse.endpoint import Endpoint
from tests.unit.dimse.files import instance_bytes
from tests.unit.dimse.pdus import CONTEXT_ID, associate_over, connect, p_data, read_pdu, store_request

FRAGMENT_BYTES = 128 * 1024 - 12
LAST = 0x02


def send_pixels(connection: socket.socket, count: int) -> str:
    """Send a store of so many fragments of pixels; the SHA-256 of its data set."""
    data_set = instance_bytes(Rows=1, Columns=1, BitsAllocated=8)
    length = (count * FRAGMENT_BYTES).to_bytes(4, "little")
    beginning = data_set + b"\xe0\x7f\x10\0OB\0\0" + length
    command, *_ = store_request(beginning)
    digest = hashlib.sha256(beginning)
    connection.sendall(command + p_data(0, beginning))
    for number in range(count):
        fragment = bytes([number % 256]) * FRAGMENT_BYTES
        digest.update(fragment)
        connection.sendall(p_data(LAST if number == count - 1 else 0, fragment, CONTEXT_ID))
    return digest.hexdigest()


@pytest.fixture
def over() -> dict[str, tuple[object, Callable[[socket.socket], socket.socket]]]:
    """How each side takes a connection, by what is spoken on it."""
    hospital = authority()
    context = client_context("", hospital.pem)
    served = server_context(hospital.identity("archive"), "")
    return {
        "plain": (None, lambda plain: plain),
        "TLS": (
            lambda plain: served.wrap_socket(plain, server_side=True),
            lambda plain: context.wrap_socket(plain, server_hostname="127.0.0.1"),
        ),
    }


@pytest.mark.parametrize(("spoken", "megabytes"), [("plain", 200), ("TLS", 60)])
def test_a_large_data_set_comes_in_whole_and_in_little_memory(make_endpoint, over, spoken, megabytes):
    secure, speak = over[spoken]
    endpoint: Endpoint = make_endpoint(secure=secure)
    kept = hashlib.sha256()

    def keep(space, object_key, body, *, metadata, content_type):
        body.seek(0)
        body.seek(body.read(16384).index(b"\x08\0\x16\0UI"))  # the data set's first element
        while piece := body.read(1024 * 1024):
            kept.update(piece)
        return "version"

    endpoint.archive.put_if_absent = keep
    with speak(connect(endpoint.port)) as connection:
        associate_over(connection)
        tracemalloc.start()
        try:
            digest = send_pixels(connection, megabytes * 8)
            answer = read_pdu(connection)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert b"\0\0\0\x09\2\0\0\0\0\0" in answer  # Status (0000,0900): success
    assert kept.hexdigest() == digest
    assert peak_bytes < 16 * 1024 * 1024
    (record,) = endpoint.journal.wait_for(1)
    assert record.bytes_received > megabytes * 1_000_000
