import io
import json
import logging
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

import pytest

from functions.store_drop import handler
from functions.store_drop.handler import lambda_handler
from imaging.bootstrap import Dropping
from imaging.pipeline.store_drop import StoreDrop
from imaging.pipeline.store_instance import StoreInstance
from imaging.settings import OtherBytes, Space
from tests.fakes import Clock, InMemoryObjects
from tests.unit.dicom.files import instance_file

STORED_KEY = "studies/1.2.1/series/1.2.2/instances/1.2.3.dcm"
SPACES = {"main": Space("main", "main-bucket", "MAIN", OtherBytes.REPLACE, "")}


@dataclass
class Context:
    function_name: str = "store_drop"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:store_drop"
    aws_request_id: str = "request-1"


def message(identifier: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"messageId": identifier, "eventSource": "aws:sqs", "body": json.dumps(body), "attributes": {}}


def notification(object_key: str, version_id: str) -> dict[str, Any]:
    s3 = {"bucket": {"name": "main-bucket"}, "object": {"key": quote_plus(object_key, "/"), "versionId": version_id}}
    return {"Records": [{"eventName": "ObjectCreated:Put", "s3": s3}]}


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> InMemoryObjects:
    objects = InMemoryObjects(SPACES)
    store = StoreDrop(objects, StoreInstance(objects, SPACES, Clock()))
    monkeypatch.setattr(handler, "process", lambda: Dropping(store, {"main-bucket": "main"}))
    return objects


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the function writes to its log."""
    stream = io.StringIO()
    (stdout,) = [one for one in handler.logger.handlers if isinstance(one, logging.StreamHandler)]
    monkeypatch.setattr(stdout, "stream", stream)
    monkeypatch.setattr(handler.metrics.provider, "namespace", "ImagingIngestion")
    monkeypatch.setattr(handler.metrics.provider, "service", "store_drop")
    return stream


def test_deals_with_each_drop_of_a_batch(objects: InMemoryObjects, log: io.StringIO) -> None:
    good = objects.put("main", "incoming/Jane Doe+1/a.dcm", instance_file())
    bad = objects.put("main", "incoming/Jane Doe+1/b.txt", b"not DICOM")
    records = [
        message("1", notification("incoming/Jane Doe+1/a.dcm", good)),
        message("2", notification("incoming/Jane Doe+1/b.txt", bad)),
    ]
    assert lambda_handler({"Records": records}, Context()) == {"batchItemFailures": []}
    assert objects.keys() == ["quarantine/Jane Doe+1/b.txt", "studies/1.2.1/series/1.2.2/instances/1.2.3.dcm"]
    assert "not DICOM" in log.getvalue()
    assert "1.2.3" in log.getvalue()
    assert "Jane" not in log.getvalue()


def test_a_test_event_is_nothing(objects: InMemoryObjects, log: io.StringIO) -> None:
    body = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "main-bucket"}
    result = lambda_handler({"Records": [message("1", body)]}, Context())
    assert (result, log.getvalue()) == ({"batchItemFailures": []}, "")


def test_what_cannot_be_stored_now_comes_back_alone(objects: InMemoryObjects, log: io.StringIO) -> None:
    first = objects.put("main", "incoming/a.dcm", instance_file(instance="1.2.31"))
    second = objects.put("main", "incoming/b.dcm", instance_file(instance="1.2.32"))

    def fail_for_the_first(object_key: str) -> None:
        if "1.2.31" in object_key:
            raise OSError("Doe^Jane")

    objects.before_put = fail_for_the_first
    records = [
        message("1", notification("incoming/a.dcm", first)),
        message("2", notification("incoming/b.dcm", second)),
    ]
    assert lambda_handler({"Records": records}, Context()) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert objects.keys() == ["incoming/a.dcm", "studies/1.2.1/series/1.2.2/instances/1.2.32.dcm"]
    assert "OSError" in log.getvalue()
    assert "Doe" not in log.getvalue()


def test_any_key_is_taken_and_no_line_of_the_log_has_it(objects: InMemoryObjects, log: io.StringIO) -> None:
    records, failing = [], "incoming/Doe failing"
    for number, name in enumerate(
        ("", " + 50 % =", "%20%2B%00+", "/Ünï/日本語/😀", "\x01\t\x7f", "/../..//.", "/a" * 500)
    ):
        for ending, content in (("a", instance_file(instance=f"1.2.3{number}")), ("b", b"Doe is not DICOM")):
            key = f"incoming/Doe{name}{ending}"
            records.append(message(key, notification(key, objects.put("main", key, content))))
    records.append(message("failing", notification(failing, objects.put("main", failing, instance_file()))))

    def fail(object_key: str) -> None:
        if object_key == STORED_KEY:
            raise OSError(failing)

    objects.before_put = fail
    answer = lambda_handler({"Records": records}, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "failing"}]}
    keys = objects.keys()
    assert [key for key in keys if key.startswith("incoming/")] == [failing]
    assert len([key for key in keys if key.startswith("quarantine/Doe")]) == 7
    assert len([key for key in keys if key.startswith("studies/")]) == 7
    assert log.getvalue().count('"message":"set aside"') == 7
    assert "Doe" not in log.getvalue()
