import io
import json
import logging
from dataclasses import dataclass

import pytest

from functions.delete_instances import handler
from functions.delete_instances.handler import lambda_handler
from imaging.dicomweb.cross_origin import CrossOrigin
from imaging.dicomweb.message import Response, error_response


@dataclass
class Context:
    function_name: str = "delete_instances"
    memory_limit_in_mb: int = 1024
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:delete_instances"
    aws_request_id: str = "request-1"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the function writes to its log."""
    stream = io.StringIO()
    (stdout,) = [one for one in handler.logger.handlers if isinstance(one, logging.StreamHandler)]
    monkeypatch.setattr(stdout, "stream", stream)
    monkeypatch.setattr(handler.metrics.provider, "namespace", "ImagingIngestion")
    monkeypatch.setattr(handler.metrics.provider, "service", "delete_instances")
    return stream


def answering(monkeypatch, resource):
    monkeypatch.setattr(handler, "delete_resource", lambda: resource)
    return lambda_handler({"path": "/live/spaces/main/studies/1.2", "httpMethod": "DELETE"}, Context())


def test_gives_the_path_below_the_stage_and_answers_without_a_body(monkeypatch, log):
    paths = []

    def resource(path):
        paths.append(path)
        return Response(204)

    result = answering(monkeypatch, resource)
    assert (result["statusCode"], result["body"], result["isBase64Encoded"]) == (204, "", False)
    assert "Content-Type" not in result["headers"]
    assert paths == ["/spaces/main/studies/1.2"]
    assert json.loads(log.getvalue().splitlines()[-1])["status"] == 204


def test_gives_a_refusal_with_its_headers(monkeypatch, log):
    answer = answering(monkeypatch, lambda _: error_response(503, "Come again.", {"Retry-After": "1"}))
    assert (answer["statusCode"], answer["headers"]["Retry-After"]) == (503, "1")
    assert json.loads(answer["body"]) == {"error": "Come again."}


def test_what_nobody_foresaw_is_logged_without_what_it_quotes(monkeypatch, log):
    def resource(_):
        raise ValueError("Doe^Jane")

    assert answering(monkeypatch, resource)["statusCode"] == 500
    assert "ValueError" in log.getvalue()
    assert "Doe^Jane" not in log.getvalue()


def test_an_answer_can_be_read_by_the_pages_that_are_configured(monkeypatch, log):
    monkeypatch.setattr(handler, "cross_origin", lambda: CrossOrigin(["https://viewer.example.org"]))
    headers = answering(monkeypatch, lambda _: Response(204))["headers"]
    assert (headers["Vary"], "Access-Control-Allow-Origin" in headers) == ("Origin", False)
    monkeypatch.setattr(handler, "delete_resource", lambda: lambda _: Response(204))
    request = {"path": "/spaces/main/studies/1.2", "headers": {"Origin": "https://viewer.example.org"}}
    assert lambda_handler(request, Context())["headers"]["Access-Control-Allow-Origin"] == "https://viewer.example.org"


def test_every_answer_is_safe_in_a_browser(monkeypatch, log):
    for answer in (lambda _: Response(204), lambda _: error_response(404, "There is none."), lambda _: int("Doe")):
        headers = answering(monkeypatch, answer)["headers"]
        assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")
        assert headers["Content-Security-Policy"].startswith("sandbox;")
