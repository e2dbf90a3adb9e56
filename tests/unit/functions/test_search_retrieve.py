import base64
import io
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from functions.search_retrieve import handler
from functions.search_retrieve.handler import TEXT_UP_TO_BYTES, lambda_handler, proxy_result, request_of
from imaging.dicomweb.cross_origin import CrossOrigin
from imaging.dicomweb.message import MAX_BODY_BYTES, Request, Response

LAMBDA_RESPONSE_BYTES = 6_000_000


@dataclass
class Context:
    function_name: str = "search_retrieve"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:search_retrieve"
    aws_request_id: str = "request-1"


def event(path: str, method: str = "GET", query: dict[str, list[str]] | None = None, **headers: str) -> dict[str, Any]:
    return {
        "path": path,
        "httpMethod": method,
        "multiValueQueryStringParameters": query,
        "multiValueHeaders": {name: [value] for name, value in headers.items()} or None,
    }


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the function writes to its log."""
    stream = io.StringIO()
    (stdout,) = [one for one in handler.logger.handlers if isinstance(one, logging.StreamHandler)]
    monkeypatch.setattr(stdout, "stream", stream)
    monkeypatch.setattr(handler.metrics.provider, "namespace", "ImagingIngestion")
    monkeypatch.setattr(handler.metrics.provider, "service", "search_retrieve")
    return stream


def answer_with(monkeypatch: pytest.MonkeyPatch, answer: Callable[[Request], Response]) -> None:
    monkeypatch.setattr(handler, "read_resources", lambda: answer)


def test_translates_the_request() -> None:
    query = {"limit": ["5"], "includefield": ["a", "b"]}
    request = request_of(event("/spaces/main/studies", query=query, Accept="x", HOST="y"))
    assert request == Request(
        "/spaces/main/studies",
        [("limit", "5"), ("includefield", "a"), ("includefield", "b")],
        {"accept": "x", "host": "y"},
    )


def test_a_base_path_before_the_space_does_not_matter() -> None:
    assert request_of(event("/v1/spaces/main/studies/1")).path == "/spaces/main/studies/1"
    assert request_of(event("/v1/spaces")).path == "/spaces"
    assert request_of(event("/spaces/")).path == "/spaces/"


@pytest.mark.parametrize("path", ["/IHEInvokeImageDisplay", "/arrivals", "/status/"])
def test_what_is_of_all_spaces_stands_beside_them(path: str) -> None:
    assert request_of(event(path)).path == path
    assert request_of(event(f"/v1{path}")).path == path
    assert request_of(event(f"/spaces/main/studies{path}")).path == f"/spaces/main/studies{path}"


def test_translates_json_as_text_and_bytes_as_base64() -> None:
    text = Response(200, {"Content-Type": "application/dicom+json"}, '{"ä":1}'.encode())
    assert proxy_result(text, is_head=False) == {
        "statusCode": 200,
        "headers": {"Content-Type": "application/dicom+json"},
        "isBase64Encoded": False,
        "body": '{"ä":1}',
    }
    dicom = proxy_result(Response(200, {"Content-Type": "application/dicom"}, b"\xff\x00"), is_head=False)
    assert dicom["isBase64Encoded"]
    assert base64.b64decode(dicom["body"]) == b"\xff\x00"
    zipped = Response(200, {"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"\x1f\x8b")
    assert proxy_result(zipped, is_head=False)["isBase64Encoded"]


@pytest.mark.parametrize("body", [b'"' * MAX_BODY_BYTES, b'"' * TEXT_UP_TO_BYTES, b"\\" * MAX_BODY_BYTES])
def test_what_is_allowed_fits_into_what_lambda_answers(body: bytes) -> None:
    result = proxy_result(Response(200, {"Content-Type": "application/json"}, body), is_head=False)
    assert len(json.dumps(result)) < LAMBDA_RESPONSE_BYTES


def test_a_response_without_a_body_is_no_base64() -> None:
    assert proxy_result(Response(204), is_head=False) == {
        "statusCode": 204,
        "headers": {},
        "isBase64Encoded": False,
        "body": "",
    }


def test_head_has_the_headers_alone(monkeypatch: pytest.MonkeyPatch, log: io.StringIO) -> None:
    answer_with(monkeypatch, lambda _: Response(200, {"Content-Type": "application/dicom"}, b"bytes"))
    result = lambda_handler(event("/spaces/main/studies/1", method="HEAD"), Context())
    assert (result["statusCode"], result["body"]) == (200, "")


def test_logs_no_query(monkeypatch: pytest.MonkeyPatch, log: io.StringIO) -> None:
    answer_with(monkeypatch, lambda _: Response(200, {"Content-Type": "application/json"}, b'["Doe"]'))
    lambda_handler(event("/spaces/main/studies", query={"PatientName": ["Doe"]}), Context())
    assert '"status":200' in log.getvalue()
    assert "Doe" not in log.getvalue()


def test_an_unexpected_failure_is_500_and_tells_only_its_kind(
    monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    def fail(request: Request) -> Response:
        raise KeyError("Doe^John")

    answer_with(monkeypatch, fail)
    result = lambda_handler(event("/spaces/main/studies"), Context())
    assert result["statusCode"] == 500
    assert json.loads(result["body"])["error"].endswith(".")
    assert "KeyError" in log.getvalue()
    assert "Doe" not in log.getvalue() + result["body"]


@pytest.mark.parametrize("accept", ["", "  "])
def test_an_empty_accept_is_refused_since_it_would_get_base64_text(
    monkeypatch: pytest.MonkeyPatch, log: io.StringIO, accept: str
) -> None:
    answer_with(monkeypatch, lambda _: Response(200, {"Content-Type": "application/dicom"}, b"bytes"))
    result = lambda_handler(event("/spaces/main/studies/1", Accept=accept), Context())
    assert result["statusCode"] == 406
    assert "Accept" in result["body"]


@pytest.fixture
def viewer(monkeypatch: pytest.MonkeyPatch) -> str:
    """An origin whose pages may read."""
    monkeypatch.setattr(handler, "cross_origin", lambda: CrossOrigin(["https://viewer.example.org"]))
    return "https://viewer.example.org"


def test_an_answer_can_be_read_by_the_pages_that_are_configured_failures_too(
    monkeypatch: pytest.MonkeyPatch, log: io.StringIO, viewer: str
) -> None:
    def fail(request: Request) -> Response:
        raise KeyError

    for answer, status in ((lambda _: Response(204), 204), (fail, 500)):
        answer_with(monkeypatch, answer)
        result = lambda_handler(event("/spaces/main/studies", Origin=viewer), Context())
        assert (result["statusCode"], result["headers"]["Access-Control-Allow-Origin"]) == (status, viewer)


def test_a_preflight_is_answered_without_asking_further(
    monkeypatch: pytest.MonkeyPatch, log: io.StringIO, viewer: str
) -> None:
    answer_with(monkeypatch, lambda _: pytest.fail("asked"))
    headers = {"Origin": viewer, "Access-Control-Request-Method": "GET"}
    result = lambda_handler(event("/spaces/main/studies", "OPTIONS", **headers), Context())
    assert (result["statusCode"], result["headers"]["Access-Control-Allow-Origin"]) == (204, viewer)


def test_any_other_options_is_asked_of_the_resources(
    monkeypatch: pytest.MonkeyPatch, log: io.StringIO, viewer: str
) -> None:
    answer_with(monkeypatch, lambda request: Response(200, {"X-Method": request.method}))
    result = lambda_handler(event("/spaces/main", "OPTIONS", Origin=viewer), Context())
    assert result["headers"]["X-Method"] == "OPTIONS"


def test_every_answer_is_safe_in_a_browser_preflights_refusals_and_failures_too(
    monkeypatch: pytest.MonkeyPatch, log: io.StringIO, viewer: str
) -> None:
    answer_with(monkeypatch, lambda request: {"/spaces": Response(304, {"ETag": '"1"'})}[request.path])
    preflight = {"Origin": viewer, "Access-Control-Request-Method": "GET"}
    for asked, status in (
        (event("/spaces"), 304),
        (event("/spaces", Accept=""), 406),
        (event("/spaces/main"), 500),
        (event("/spaces", "OPTIONS", **preflight), 204),
    ):
        result = lambda_handler(asked, Context())
        headers = result["headers"]
        assert result["statusCode"] == status
        assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")
        assert headers["Content-Security-Policy"].startswith("sandbox;")
