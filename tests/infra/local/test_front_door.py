"""The front door, over real connections, before a backend that tells what it was sent."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from infra.local.front_door import Backends, front_door
from infra.local.limits import LAMBDA_PAYLOAD_BYTES
from infra.local.ports import any_free_port
from infra.local.served import Served

STAGE = "/restapis/abc/prod/_user_request_"


class Backend:
    """Answers as told, and keeps the last request."""

    origin: str
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    requests: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self.requests += 1
        self.method = scope["method"]
        self.target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        self.received = scope["headers"]
        self.received_body = b""
        while True:
            message = await receive()
            self.received_body += message.get("body", b"")
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


@dataclass
class Doors:
    backend: Backend
    backends: Backends
    port: int
    client: httpx.Client
    parts: dict[str, bool]


@pytest.fixture(scope="module")
def served() -> Iterator[Doors]:
    backend, backends = Backend(), Backends(fhir="", parts=dict)
    behind = Served(backend, behind_port := any_free_port())
    door = Served(front_door(backends), port := any_free_port())
    backend.origin = f"http://127.0.0.1:{behind_port}"
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield Doors(backend, backends, port, client, {})
    door.stop()
    behind.stop()


@pytest.fixture
def doors(served: Doors) -> Doors:
    backend, backends = served.backend, served.backends
    backend.status, backend.headers, backend.body, backend.requests = 200, [], b"ok", 0
    served.parts = {"DIMSE endpoint": True}
    backends.fhir, backends.api, backends.ready = backend.origin, backend.origin + STAGE, True
    backends.parts = lambda: served.parts
    return served


def raw_request(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def test_health_is_503_until_the_start_has_come_to_its_end(doors: Doors) -> None:
    doors.backends.ready = False
    assert doors.client.get("/health").status_code == 503
    doors.backends.ready = True
    assert (doors.client.get("/health").status_code, doors.client.get("/health").json()["status"]) == (200, "ok")
    assert doors.client.head("/health").status_code == 200


def test_health_names_the_part_that_is_down(doors: Doors) -> None:
    doors.parts["DIMSE endpoint"] = False

    answer = doors.client.get("/health")

    assert (answer.status_code, answer.json()) == (503, {"status": "down", "parts": {"DIMSE endpoint": "down"}})


def test_nothing_is_passed_on_before_there_is_an_api(doors: Doors) -> None:
    doors.backends.api = None
    answer = doors.client.get("/spaces/main/studies")
    assert answer.status_code == 503
    assert "starting" in answer.json()["error"]


def test_path_query_headers_and_body_arrive_byte_for_byte(doors: Doors) -> None:
    target = "/spaces/main/studies/a%2Fb/%C3%A4//x?PatientName=%2AM%C3%BCller%2A&a=1|2&a="
    body = bytes(range(256)) * 16

    answer = raw_request(
        doors.port,
        f"POST {target} HTTP/1.1\r\nHost: elsewhere\r\nConnection: close, X-Only-Here\r\nX-Only-Here: 1\r\n"
        f"X-Kept: 2\r\nTE: trailers\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body,
    )

    assert answer.startswith(b"HTTP/1.1 200")
    assert doors.backend.target == (STAGE + target).encode()
    assert doors.backend.received_body == body
    received = dict(doors.backend.received)
    assert received[b"x-kept"] == b"2"
    assert not {b"te", b"x-only-here"} & received.keys()


def test_blanks_around_a_header_value_are_no_part_of_it(doors: Doors) -> None:
    answer = raw_request(doors.port, b"GET /spaces/x HTTP/1.1\r\nHost: x\r\nX-Foo: bar \t\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert (b"x-foo", b"bar") in doors.backend.received


def test_a_request_without_accept_gets_one(doors: Doors) -> None:
    raw_request(doors.port, b"GET /spaces/main/studies HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert dict(doors.backend.received)[b"accept"] == b"*/*"
    doors.client.get("/spaces/main/studies", headers={"Accept": "application/dicom"})
    assert [value for name, value in doors.backend.received if name == b"accept"] == [b"application/dicom"]


def test_the_answer_comes_back_as_it_is(doors: Doors) -> None:
    doors.backend.status, doors.backend.body = 409, b"\x00\xff" * 99
    doors.backend.headers = [(b"content-type", b"application/dicom"), (b"warning", b"one"), (b"warning", b"two")]

    answer = doors.client.get("/spaces/main/studies")

    assert (answer.status_code, answer.content) == (409, b"\x00\xff" * 99)
    assert answer.headers.get_list("warning") == ["one", "two"]


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (206, [(b"content-type", b"application/dicom"), (b"content-range", b"bytes 2-4/9")], b"\x02\x03\x04"),
        (206, [(b"content-type", b"multipart/byteranges; boundary=B")], b"--B\r\n\r\nx\r\n--B--"),
        (304, [(b"etag", b'"v1"'), (b"vary", b"Accept")], b""),
        (200, [(b"content-type", b"application/dicom+json"), (b"content-encoding", b"gzip")], b"\x1f\x8b not really"),
        (200, [(b"link", b'<https://x/studies?after=a>; rel="next"'), (b"link", b"<https://x>")], b"[]"),
    ],
)
def test_parts_and_what_is_not_modified_come_back_untouched(
    doors: Doors, status: int, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    doors.backend.status, doors.backend.headers, doors.backend.body = status, headers, body

    with doors.client.stream("GET", "/spaces/main/studies", headers={"Range": "bytes=2-4"}) as answer:
        content = b"".join(answer.iter_raw())

    assert (answer.status_code, content) == (status, body)
    assert set(headers) <= set(answer.headers.raw)
    assert (b"range", b"bytes=2-4") in doors.backend.received


@pytest.mark.parametrize("path", ["/spaces", "/spaces/", "/spaces/main", "/spaces/main/", "/spaces/main/studies"])
def test_what_a_browser_asks_before_is_passed_on(doors: Doors, path: str) -> None:
    doors.backend.status, doors.backend.body = 204, b""

    answer = doors.client.options(path, headers={"Origin": "https://o.example", "Access-Control-Request-Method": "GET"})

    assert (answer.status_code, doors.backend.method) == (204, "OPTIONS")
    assert (b"access-control-request-method", b"GET") in doors.backend.received


def test_head_is_passed_on_as_head(doors: Doors) -> None:
    doors.backend.headers, doors.backend.body = [(b"content-length", b"1000")], b""

    answer = doors.client.head("/spaces/main/studies/1/series/2/instances/3")

    assert (doors.backend.method, answer.headers["content-length"], answer.content) == ("HEAD", "1000", b"")


@pytest.mark.parametrize("path", ["/", "/viewer", "/health/", "/fhirs", "/x%00y"])
def test_an_address_of_nothing_is_404_with_a_sentence(doors: Doors, path: str) -> None:
    answer = doors.client.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"].endswith(".")


@pytest.mark.parametrize("path", ["/spaces/../_ministack/health", "/spaces/main/%2e%2e/%2E%2e/x", "/fhir/../health/x"])
def test_no_path_climbs_out_of_where_it_belongs(doors: Doors, path: str) -> None:
    answer = raw_request(doors.port, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404")
    assert doors.backend.requests == 0


@pytest.mark.parametrize("size", [4_800_000, 11_000_000])
def test_a_store_larger_than_lambda_or_api_gateway_carry_is_413_and_names_another_way(doors: Doors, size: int) -> None:
    answer = doors.client.post("/spaces/main/studies", content=b"x" * size)

    assert answer.status_code == 413
    assert "aws s3 cp" in answer.json()["error"]
    assert doors.backend.requests == 0


def test_a_large_store_without_a_length_is_413_too(doors: Doors) -> None:
    answer = doors.client.post("/spaces/main/studies", content=iter([b"x" * 1_000_000] * 6))
    assert answer.status_code == 413


def test_who_asks_before_sending_a_large_store_need_not_send_it(doors: Doors) -> None:
    answer = raw_request(
        doors.port,
        b"POST /spaces/main/studies HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n"
        b"Content-Length: 99999999\r\n\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 413")


def test_what_lambda_can_carry_passes(doors: Doors) -> None:
    body = b"x" * 4_700_000
    assert doors.client.post("/spaces/main/studies", content=body).status_code == 200
    assert doors.backend.received_body == body


@pytest.mark.parametrize(
    ("content_type", "size", "status"),
    [
        (b"application/dicom", 4_700_000, 200),
        (b"application/dicom", 4_800_000, 413),
        (b"application/dicom+json", 4_600_000, 200),
        (b"application/dicom+json", LAMBDA_PAYLOAD_BYTES, 413),
        (b"application/dicom", 30_000_000, 413),
    ],
)
def test_an_answer_that_lambda_cannot_give_is_413(doors: Doors, content_type: bytes, size: int, status: int) -> None:
    doors.backend.headers, doors.backend.body = [(b"content-type", content_type)], b"x" * size
    assert doors.client.get("/spaces/main/studies/1").status_code == status


def test_the_fhir_server_gets_what_is_below_fhir(doors: Doors) -> None:
    doors.client.put("/fhir/Patient/1?x=y", json={})
    assert (doors.backend.method, doors.backend.target) == ("PUT", b"/fhir/Patient/1?x=y")
    doors.client.post("/fhir", json={})
    assert doors.backend.target == b"/fhir"


def test_a_backend_that_is_gone_is_503_with_a_sentence(doors: Doors) -> None:
    doors.backends.fhir = f"http://127.0.0.1:{any_free_port()}"
    answer = doors.client.get("/fhir/Patient")
    assert answer.status_code == 503
    assert "not running" in answer.json()["error"]
