"""The front door before the gateway: nothing is held, whatever its size, and whoever leaves is missed at once."""

import asyncio
import contextlib
import hashlib
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from infra.local.front_door import Backends, front_door
from infra.local.ports import any_free_port
from infra.local.served import Served
from tests.infra.local.functions_for_tests import wait_until

STUDIES, INSTANCE = "/spaces/main/studies", "/spaces/main/studies/1/series/2/instances/3"
MB = 1_000_000
PIECE = bytes(range(256)) * 256


class Origin:
    """Reads a request to its end and answers with `answer_bytes`; tells what it was sent, and who left."""

    def __init__(self) -> None:
        self.served = Served(self, port := any_free_port())
        self.address = f"http://127.0.0.1:{port}"
        self.forget()

    def forget(self) -> None:
        self.requests, self.body_bytes, self.digest = 0, 0, ""
        self.headers: dict[bytes, bytes] = {}
        self.left = threading.Event()
        self.answer_bytes, self.answer_break_bytes = 2, 0
        self.answers_early = self.waits_for_the_reader_to_leave = False
        self.may_read = threading.Event()
        self.may_read.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self.requests += 1
        self.headers = dict(scope["headers"])
        if not self.answers_early:
            await self._read(receive)
        if not self.left.is_set():
            await self._answer(scope, receive, send)

    async def _read(self, receive: Receive) -> None:
        digest, more = hashlib.sha256(), True
        while more:
            while not self.may_read.is_set():
                await asyncio.sleep(0.02)
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left.set()
                return
            self.body_bytes += len(message["body"])
            digest.update(message["body"])
            more = message["more_body"]
        self.digest = digest.hexdigest()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = [(b"content-length", str(self.answer_bytes).encode())]
        await send({"type": "http.response.start", "status": 401 if self.answers_early else 200, "headers": length})
        answered = self.answer_bytes if scope["method"] == "HEAD" else 0
        while answered < self.answer_bytes and not self.left.is_set():
            if self.answer_break_bytes and answered > self.answer_break_bytes:
                raise ConnectionAbortedError("as asked for")
            piece = PIECE[: self.answer_bytes - answered]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            answered += len(piece)
            if self.waits_for_the_reader_to_leave and (await receive())["type"] == "http.disconnect":
                self.left.set()
        if not self.left.is_set():
            await send({"type": "http.response.body", "body": b""})


@dataclass
class Doors:
    api: Origin
    gateway: Origin
    backends: Backends
    port: int
    client: httpx.Client

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.settimeout(30)
        return connection


@pytest.fixture(scope="module")
def served() -> Iterator[Doors]:
    api, gateway = Origin(), Origin()
    backends = Backends(fhir="", parts=dict, ready=True)
    door = Served(front_door(backends), port := any_free_port())
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
        yield Doors(api, gateway, backends, port, client)
    for each in (door, api.served, gateway.served):
        each.stop()


@pytest.fixture
def doors(served: Doors) -> Doors:
    served.api.forget()
    served.gateway.forget()
    served.backends.api, served.backends.gateway = served.api.address, served.gateway.address
    return served


def pieces(size: int) -> Iterator[bytes]:
    for start in range(0, size, len(PIECE)):
        yield PIECE[: size - start]


def sent_until_nothing_goes(connection: socket.socket, size: int) -> int:
    connection.settimeout(1)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < size:
            sent += connection.send(PIECE[: size - sent])
    return sent


def digest_of(size: int) -> str:
    digest = hashlib.sha256()
    for piece in pieces(size):
        digest.update(piece)
    return digest.hexdigest()


@pytest.mark.parametrize(
    ("size", "with_length", "through_gateway"),
    [
        (4_400_000, True, False),
        (4_400_000, False, True),
        (4_600_000, True, True),
        (4_600_000, False, True),
        (10_100_000, True, True),
        (10_100_000, False, True),
    ],
)
def test_a_store_arrives_whole_where_its_size_can_be_carried(
    doors: Doors, size: int, with_length: bool, through_gateway: bool
) -> None:
    length = {"Content-Length": str(size)} if with_length else {}

    answer = doors.client.post(STUDIES, content=pieces(size), headers=length)

    taken, other = (doors.gateway, doors.api) if through_gateway else (doors.api, doors.gateway)
    assert answer.status_code == 200
    assert (taken.requests, other.requests) == (1, 0)
    assert (taken.body_bytes, taken.digest) == (size, digest_of(size))


@pytest.mark.parametrize(("sent", "framing"), [({"Content-Length": str(5 * MB)}, b"content-length"), ({}, b"chunked")])
def test_the_framing_of_a_body_stays_as_it_was(doors: Doors, sent: dict[str, str], framing: bytes) -> None:
    doors.client.post(STUDIES, content=pieces(5 * MB), headers=sent)

    if framing == b"chunked":
        assert doors.gateway.headers[b"transfer-encoding"] == b"chunked"
        assert b"content-length" not in doors.gateway.headers
    else:
        assert doors.gateway.headers[b"content-length"] == str(5 * MB).encode()
        assert b"transfer-encoding" not in doors.gateway.headers


def test_who_asks_before_sending_is_told_to_go_on(doors: Doors) -> None:
    with doors.connect() as connection:
        connection.sendall(
            b"POST %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n"
            b"Content-Length: %d\r\n\r\n" % (STUDIES.encode(), 5 * MB)
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        for piece in pieces(5 * MB):
            connection.sendall(piece)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert doors.gateway.digest == digest_of(5 * MB)


def test_a_large_answer_comes_back_whole(doors: Doors) -> None:
    doors.gateway.answer_bytes = 30 * MB

    answer = doors.client.get(INSTANCE)

    assert answer.headers["content-length"] == str(30 * MB)
    assert hashlib.sha256(answer.content).hexdigest() == digest_of(30 * MB)
    assert doors.api.requests == 0


def test_head_of_a_large_instance_tells_its_length(doors: Doors) -> None:
    doors.gateway.answer_bytes = 3000 * MB
    answer = doors.client.head(INSTANCE)
    assert (answer.headers["content-length"], answer.content) == (str(3000 * MB), b"")


def test_bodies_pass_in_constant_memory(doors: Doors) -> None:
    doors.client.get(STUDIES)  # so that what is made once is there
    tracemalloc.start()
    try:
        doors.client.post(STUDIES, content=pieces(100 * MB))
        doors.gateway.answer_bytes = 100 * MB
        with doors.client.stream("GET", INSTANCE) as answer:
            read = sum(len(piece) for piece in answer.iter_raw())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (doors.gateway.body_bytes, read) == (100 * MB, 100 * MB)
    assert peak < 10 * MB


def test_a_gateway_that_does_not_read_slows_the_sender_down(doors: Doors) -> None:
    doors.gateway.may_read.clear()
    size = 200 * MB
    with doors.connect() as connection:
        connection.sendall(
            b"POST %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (STUDIES.encode(), size)
        )
        sent = sent_until_nothing_goes(connection, size)
        assert sent < 50 * MB  # what the sockets between hold
        doors.gateway.may_read.set()
        connection.settimeout(30)
        while sent < size:
            sent += connection.send(PIECE[: min(len(PIECE), size - sent)])
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert doors.gateway.body_bytes == size


def test_a_sender_that_leaves_is_missed_by_the_gateway(doors: Doors) -> None:
    with doors.connect() as connection:
        connection.sendall(
            b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (STUDIES.encode(), 50 * MB) + PIECE
        )
        wait_until(lambda: doors.gateway.body_bytes > 0)
    assert doors.gateway.left.wait(10)


def test_a_reader_that_leaves_is_missed_by_the_gateway(doors: Doors) -> None:
    doors.gateway.answer_bytes, doors.gateway.waits_for_the_reader_to_leave = 50 * MB, True
    with doors.connect() as connection:
        connection.sendall(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % INSTANCE.encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert doors.gateway.left.wait(10)


def test_an_answer_that_breaks_off_is_not_mistaken_for_a_whole_one(doors: Doors) -> None:
    doors.gateway.answer_bytes, doors.gateway.answer_break_bytes = 20 * MB, 10 * MB
    with pytest.raises(httpx.RemoteProtocolError):
        doors.client.get(INSTANCE)


def test_an_answer_before_the_end_of_the_body_reaches_the_sender(doors: Doors) -> None:
    doors.gateway.answers_early = True
    assert doors.client.post(STUDIES, content=pieces(30 * MB)).status_code == 401


def test_without_the_gateway_a_large_request_is_503_with_a_sentence(doors: Doors) -> None:
    doors.backends.gateway = f"http://127.0.0.1:{any_free_port()}"
    for answer in (doors.client.post(STUDIES, content=pieces(5 * MB)), doors.client.get(INSTANCE)):
        assert answer.status_code == 503
        assert "not running" in answer.json()["error"]
    assert doors.client.get(STUDIES).status_code == 200


def test_a_small_store_still_has_the_limits_of_the_api(doors: Doors) -> None:
    answer = doors.client.post(STUDIES, content=b"x" * 4_400_000, headers={f"X-{n}": "x" * 8000 for n in range(30)})
    assert answer.status_code == 413
    assert doors.gateway.requests == 0
