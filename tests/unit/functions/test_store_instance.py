import base64
import io
import json
import logging
from dataclasses import dataclass
from typing import Any

import pytest

from functions.store_instance import handler
from functions.store_instance.handler import body_of, lambda_handler, path_and_headers_of
from imaging.dicomweb.cross_origin import CrossOrigin
from imaging.dicomweb.store_resource import StoreAnswer, StoreResource
from imaging.model.links import Links
from imaging.pipeline.store_instance import StoreInstance
from imaging.settings import OtherBytes, Space
from tests.fakes import Clock, InMemoryObjects
from tests.unit.dicom.files import element, identifiers, instance_file, part10

SPACES = {"main": Space("main", "main-bucket", "MAIN", OtherBytes.REPLACE, "")}


@dataclass
class Context:
    function_name: str = "store_instance"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:store_instance"
    aws_request_id: str = "request-1"


def event(body: bytes, path: str = "/spaces/main/studies", **headers: str) -> dict[str, Any]:
    return {
        "path": path,
        "httpMethod": "POST",
        "headers": headers or None,
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the function writes to its log."""
    stream = io.StringIO()
    (stdout,) = [one for one in handler.logger.handlers if isinstance(one, logging.StreamHandler)]
    monkeypatch.setattr(stdout, "stream", stream)
    monkeypatch.setattr(handler.metrics.provider, "namespace", "ImagingIngestion")
    monkeypatch.setattr(handler.metrics.provider, "service", "store_instance")
    return stream


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> InMemoryObjects:
    objects = InMemoryObjects(SPACES)
    resource = StoreResource(StoreInstance(objects, SPACES, Clock()), SPACES, Links("https://imaging.example.org"))
    monkeypatch.setattr(handler, "store_resource", lambda: resource)
    return objects


def test_stores_what_api_gateway_hands_over(
    objects: InMemoryObjects, log: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    result = lambda_handler(event(instance_file(), **{"Content-Type": "application/dicom"}), Context())
    assert result["statusCode"] == 200
    assert result["headers"]["Content-Type"] == "application/dicom+json"
    assert json.loads(result["body"])["00081199"]
    assert len(objects.keys()) == 1
    metrics = json.loads(capsys.readouterr().out)
    assert (metrics["InstancesStored"], metrics["InstancesRefused"]) == ([1.0], [0.0])


def test_a_base_path_before_the_space_does_not_matter() -> None:
    request = event(b"x", "/live/spaces/main/studies", **{"CONTENT-TYPE": "a/b"})
    assert path_and_headers_of(request) == ("/spaces/main/studies", {"content-type": "a/b"})
    assert body_of(request) == b"x"


def test_a_request_without_body_and_headers_is_a_bad_request(objects: InMemoryObjects, log: io.StringIO) -> None:
    request = {"path": "/spaces/main/studies", "httpMethod": "POST", "headers": None, "body": None}
    assert lambda_handler(request, Context())["statusCode"] == 415


def test_logs_why_an_instance_was_refused_and_nothing_of_its_patient(
    objects: InMemoryObjects, log: io.StringIO
) -> None:
    first, then = identifiers(series="")
    content = part10(first + element(0x00100010, "PN", "Doe^Jane") + then)
    result = lambda_handler(event(content, **{"Content-Type": "application/dicom"}), Context())
    assert result["statusCode"] == 409
    assert "missing identifier" in log.getvalue()
    assert "1.2.3" in log.getvalue()
    assert "Doe" not in log.getvalue() + result["body"]


def test_an_unforeseen_failure_says_nothing_of_its_message(monkeypatch: pytest.MonkeyPatch, log: io.StringIO) -> None:
    def fail(*_: object) -> StoreAnswer:
        raise ValueError("Doe^Jane")

    monkeypatch.setattr(handler, "store_resource", lambda: fail)
    result = lambda_handler(event(instance_file()), Context())
    assert result["statusCode"] == 500
    assert list(json.loads(result["body"])) == ["error"]
    assert "ValueError" in log.getvalue()
    assert "Doe" not in log.getvalue() + result["body"]


def test_an_answer_can_be_read_by_the_pages_that_are_configured(
    objects: InMemoryObjects, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    monkeypatch.setattr(handler, "cross_origin", lambda: CrossOrigin(["https://viewer.example.org"]))
    result = lambda_handler(event(b"not DICOM", Origin="https://viewer.example.org"), Context())
    assert result["statusCode"] == 415
    assert result["headers"]["Access-Control-Allow-Origin"] == "https://viewer.example.org"


def test_every_answer_is_safe_in_a_browser(objects: InMemoryObjects, log: io.StringIO) -> None:
    for body, status in ((instance_file(), 200), (b"", 400)):
        result = lambda_handler(event(body, **{"Content-Type": "application/dicom"}), Context())
        headers = result["headers"]
        assert result["statusCode"] == status
        assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")
        assert headers["Content-Security-Policy"].startswith("sandbox;")
