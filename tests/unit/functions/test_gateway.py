"""The gateway's application behind a real server, on use cases with a store in memory."""

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from aws_lambda_powertools import Logger

from functions.gateway import request_body
from functions.gateway.application import PICTURES_AT_A_TIME, READS_AT_A_TIME, application
from imaging.bootstrap import Gateway
from imaging.dicomweb.body_response import SENT_WHOLE_BYTES, whole_if_small
from imaging.dicomweb.cross_origin import CrossOrigin
from imaging.dicomweb.message import Request, Response
from imaging.dicomweb.store_resource import StoreResource
from imaging.dicomweb.stream import Stream
from imaging.model.links import Links
from imaging.pipeline.store_instance import StoreInstance
from imaging.settings import OtherBytes, Space
from infra.local.ports import any_free_port
from tests.fakes import Clock, InMemoryObjects
from tests.unit.dicom.files import instance_file

SPACES = {"main": Space("main", "main-bucket", "MAIN", OtherBytes.REPLACE, "")}
MULTIPART = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=B'}
VIEWER = "https://viewer.example.org"
PIECES = [b"x" * 300_000] * 20


class Reading:
    """Stands where `ReadResources` does."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.sent = 0
        self.closed = threading.Event()
        self.drawing = threading.Event()

    def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        if request.path.endswith("/broken"):
            raise ValueError("Doe^Jane")
        if request.path.endswith("/rendered"):
            self.drawing.wait(30)
        if request.path.endswith("/short"):
            return Response(404, {"Content-Type": "application/json", "X-Kept": "yes"}, b'{"error": "None."}')
        if request.is_head:
            return Response(200, {} if request.path.endswith("/rendered") else {"Content-Length": "6000000"})
        stream = Stream(self._pieces(request))
        return whole_if_small(Response(200, {"Content-Type": "application/dicom"}, stream=stream))

    def _pieces(self, request: Request) -> Generator[bytes, None, None]:
        try:
            for piece in PIECES:
                self.sent += 1
                yield piece
                if request.path.endswith("/breaks") and self.sent * len(piece) > SENT_WHOLE_BYTES:
                    raise ValueError("Doe^Jane")
                if request.path.endswith("/breaks-early"):
                    raise ValueError("Doe^Jane")
        finally:
            self.closed.set()


class Running:
    """The server, what it stores into and what it logs."""

    def __init__(self, stores_at_a_time: int = 8) -> None:
        self.objects = InMemoryObjects(SPACES)
        self.reading = Reading()
        self.log = io.StringIO()
        store = StoreResource(
            StoreInstance(self.objects, SPACES, Clock()), SPACES, Links("https://imaging.example.org")
        )
        self.port = any_free_port()
        logger = Logger(service=f"gateway-{self.port}", stream=self.log)  # loggers are shared by name
        self.server = uvicorn.Server(
            uvicorn.Config(
                application(
                    Gateway(store, self.reading, CrossOrigin([VIEWER])),  # type: ignore[arg-type]
                    logger,
                    stores_at_a_time=stores_at_a_time,
                ),
                port=self.port,
                log_config=None,
                timeout_graceful_shutdown=5,
            )
        )

    @property
    def studies(self) -> str:
        return f"http://127.0.0.1:{self.port}/spaces/main/studies"

    def wait_for_log(self, text: str) -> None:
        deadline = time.monotonic() + 20
        while text not in self.log.getvalue():
            assert time.monotonic() < deadline, self.log.getvalue()
            time.sleep(0.02)


@pytest.fixture(autouse=True)
def _metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "ImagingIngestion")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "gateway")


@contextmanager
def served(stores_at_a_time: int = 8) -> Iterator[Running]:
    running = Running(stores_at_a_time)
    thread = threading.Thread(target=running.server.run)
    thread.start()
    while not running.server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield running
    running.server.should_exit = True
    thread.join()


@pytest.fixture
def running() -> Iterator[Running]:
    with served() as running:
        yield running


def body(*contents: bytes) -> Iterator[bytes]:
    for content in contents:
        yield b"--B\r\nContent-Type: application/dicom\r\n\r\n"
        yield content
        yield b"\r\n"
    yield b"--B--\r\n"


def files(count: int) -> list[bytes]:
    return [instance_file(instance=f"1.2.3.{number}") for number in range(1, count + 1)]


def test_stores_a_chunked_body_while_it_comes_in(running: Running) -> None:
    answer = httpx.post(running.studies, headers=MULTIPART, content=body(*files(30)))
    assert answer.status_code == 200
    assert len(answer.json()["00081199"]["Value"]) == 30
    assert len(running.objects.keys()) == 30
    running.wait_for_log('"stored":30')


def test_stores_a_body_with_a_length(running: Running) -> None:
    answer = httpx.post(running.studies, headers=MULTIPART, content=b"".join(body(*files(2))))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/dicom+json")


def test_answers_before_the_body_where_that_is_not_wanted(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port)) as peer:
        peer.sendall(
            b"POST /spaces/main/studies HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            b"Content-Type: text/plain\r\nContent-Length: 1000000000\r\n\r\n"
        )
        assert peer.recv(4096).startswith(b"HTTP/1.1 415 ")


def test_asks_for_the_body_where_it_is_wanted(running: Running) -> None:
    content = b"".join(body(*files(1)))
    with socket.create_connection(("127.0.0.1", running.port)) as peer:
        peer.sendall(
            b"POST /spaces/main/studies HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            b"Content-Type: multipart/related; boundary=B\r\nContent-Length: %d\r\n\r\n" % len(content)
        )
        assert peer.recv(4096).startswith(b"HTTP/1.1 100 ")
        peer.sendall(content)
        assert peer.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_what_was_whole_stays_when_the_sender_leaves(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port)) as peer:
        peer.sendall(
            b"POST /spaces/main/studies HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: multipart/related; boundary=B\r\n\r\n"
        )
        piece = b"".join(body(*files(1), instance_file(instance="1.2.4", pixel_data=bytes(500_000))))[:-20]
        peer.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
    running.wait_for_log("the client left")
    assert len(running.objects.keys()) == 1


def test_a_sender_that_stops_sending_is_told(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "_STALLED_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", running.port)) as peer:
        peer.sendall(
            b"POST /spaces/main/studies HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
            b"Content-Type: multipart/related; boundary=B\r\n\r\n--B\r\n"
        )
        assert peer.recv(4096).startswith(b"HTTP/1.1 408 ")


def test_sends_a_stream_and_lets_go_of_it(running: Running) -> None:
    answer = httpx.get(f"{running.studies}/1.2.1?a=1&a=2", headers=[("Accept", "a/b"), ("Accept", "c/d")])
    assert answer.content == b"".join(PIECES)
    assert running.reading.closed.wait(10)
    (asked,) = running.reading.asked
    assert (asked.path, asked.parameters) == ("/spaces/main/studies/1.2.1", [("a", "1"), ("a", "2")])
    assert asked.accept == "a/b, c/d"


def test_stops_reading_when_the_client_leaves(running: Running) -> None:
    with httpx.stream("GET", f"{running.studies}/1.2.1") as answer:
        next(answer.iter_raw(1000))
    assert running.reading.closed.wait(10)
    assert running.reading.sent < len(PIECES)


def test_a_stream_that_breaks_is_never_taken_for_the_whole(running: Running, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{running.studies}/breaks")
    assert running.reading.closed.wait(10)
    running.wait_for_log("ValueError")
    assert "Doe" not in running.log.getvalue() + "".join(capfd.readouterr())


def test_a_body_that_breaks_before_anything_was_sent_is_500(running: Running) -> None:
    answer = httpx.get(f"{running.studies}/breaks-early")
    assert (answer.status_code, answer.json()["error"][-1]) == (500, ".")
    assert running.reading.closed.wait(10)
    running.wait_for_log("ValueError")
    assert "Doe" not in running.log.getvalue() + answer.text


def test_slow_senders_hold_up_no_reader_and_the_next_sender_is_told_to_come_again() -> None:
    with served(stores_at_a_time=2) as running:
        began = threading.Barrier(3)
        done = threading.Event()

        def slowly() -> Iterator[bytes]:
            yield b"--B\r\n"
            began.wait(10)
            done.wait(30)

        def send() -> None:
            httpx.post(running.studies, headers=MULTIPART, content=slowly(), timeout=60)

        senders = [threading.Thread(target=send) for _ in range(2)]
        for sender in senders:
            sender.start()
        began.wait(10)
        time.sleep(0.2)
        answer = httpx.post(running.studies, headers=MULTIPART, content=b"".join(body(*files(1))))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        assert httpx.get(f"{running.studies}/short").status_code == 404
        done.set()
        for sender in senders:
            sender.join()


def test_who_waits_for_pictures_holds_up_no_other_reader(running: Running) -> None:
    client = httpx.Client(timeout=60, limits=httpx.Limits(max_connections=None))

    def draw() -> None:
        client.get(f"{running.studies}/1.2/rendered")

    waiting = [threading.Thread(target=draw) for _ in range(READS_AT_A_TIME + 1)]
    for each in waiting:
        each.start()
    deadline = time.monotonic() + 20
    while len(running.reading.asked) < PICTURES_AT_A_TIME:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert client.get(f"{running.studies}/short").status_code == 404
    assert len(running.reading.asked) == PICTURES_AT_A_TIME + 1
    running.reading.drawing.set()
    for each in waiting:
        each.join()
    client.close()


def test_head_does_not_say_how_long_a_body_is_that_nobody_made(running: Running) -> None:
    running.reading.drawing.set()
    assert "Content-Length" not in httpx.head(f"{running.studies}/1.2/rendered").headers
    assert httpx.head(f"{running.studies}/1.2").headers["Content-Length"] == "6000000"


def test_what_it_does_not_serve_is_answered_in_json_too(running: Running) -> None:
    for answer in (httpx.put(running.studies), httpx.get(f"http://127.0.0.1:{running.port}/elsewhere")):
        assert answer.status_code in {404, 405}
        assert answer.json()["error"].endswith(".")


def test_the_process_ends_well_when_it_is_told_to() -> None:
    port = str(any_free_port())
    settings = {"GATEWAY_BIND_ADDRESS": "127.0.0.1", "GATEWAY_PORT": port, "MANIFEST_TABLE": "manifest"}
    settings |= {"SPACES": "[]", "PUBLIC_BASE_ADDRESS": f"http://127.0.0.1:{port}", "AWS_DEFAULT_REGION": "us-east-1"}
    process = subprocess.Popen([sys.executable, "-m", "functions.gateway"], env={**os.environ, **settings})
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                assert httpx.get(f"http://127.0.0.1:{port}/health").is_success
                break
            time.sleep(0.05)
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()


def test_a_head_says_what_a_get_would_have(running: Running) -> None:
    answer = httpx.head(f"{running.studies}/1.2.1")
    assert (answer.headers["content-length"], answer.content) == ("6000000", b"")


def test_every_answer_is_safe_in_a_browser_and_can_be_read_by_the_pages_that_are_configured(running: Running) -> None:
    page = {"Origin": VIEWER}
    answers = [
        httpx.get(f"{running.studies}/1.2.1", headers=page),
        httpx.get(f"{running.studies}/short", headers=page),
        httpx.get(f"{running.studies}/broken", headers=page),
        httpx.put(running.studies, headers=page),
        httpx.post(running.studies, headers={**MULTIPART, **page}, content=body(*files(1))),
    ]
    assert [answer.status_code for answer in answers] == [200, 404, 500, 405, 200]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == VIEWER
        assert "Origin" in answer.headers["vary"]
        assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == ("nosniff", "no-store")
        assert answer.headers["content-security-policy"].startswith("sandbox;")
    elsewhere = httpx.get(f"{running.studies}/short", headers={"Origin": "https://elsewhere.example.org"})
    assert "access-control-allow-origin" not in elsewhere.headers


def test_a_preflight_is_answered_and_any_other_options_is_asked_of_the_resources(running: Running) -> None:
    before = {"Origin": VIEWER, "Access-Control-Request-Method": "GET"}
    preflight = httpx.options(f"{running.studies}/1.2.1", headers=before)
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, VIEWER)
    assert running.reading.asked == []
    assert httpx.options(f"{running.studies}/short").status_code == 404
    assert [asked.method for asked in running.reading.asked] == ["OPTIONS"]


def test_passes_on_status_headers_and_body(running: Running) -> None:
    answer = httpx.get(f"{running.studies}/short")
    assert (answer.status_code, answer.headers["x-kept"], answer.json()) == (404, "yes", {"error": "None."})


def test_a_failure_nobody_foresaw_is_500_and_names_no_patient(running: Running) -> None:
    answer = httpx.get(f"{running.studies}/broken")
    assert answer.status_code == 500
    assert list(answer.json()) == ["error"]
    running.wait_for_log("ValueError")
    assert "Doe" not in running.log.getvalue() + answer.text


def test_says_that_it_is_well(running: Running) -> None:
    answer = httpx.get(f"http://127.0.0.1:{running.port}/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_line_of_the_log_is_a_metric_too(running: Running) -> None:
    httpx.post(running.studies, headers=MULTIPART, content=body(*files(1), b"not DICOM"))
    running.wait_for_log('"answered"')
    (line,) = [json.loads(line) for line in running.log.getvalue().splitlines() if '"answered"' in line]
    assert (line["InstancesStored"], line["InstancesRefused"]) == ([1.0], [1.0])


def test_running_requests_end_before_the_process_does() -> None:
    with served() as running:
        began = threading.Event()

        def slowly() -> Iterator[bytes]:
            for piece in body(*files(3)):
                yield piece
                began.set()
                time.sleep(0.1)

        answers: list[httpx.Response] = []
        sender = threading.Thread(
            target=lambda: answers.append(httpx.post(running.studies, headers=MULTIPART, content=slowly()))
        )
        sender.start()
        began.wait(10)
        running.server.should_exit = True
        sender.join()
    assert [answer.status_code for answer in answers] == [200]
