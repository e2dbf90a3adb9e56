import json
from dataclasses import dataclass, field
from io import StringIO

import pytest

from imaging.bootstrap import Publishing
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.identifiers import StudyKey

REFUSED = Rejected(RejectReason.MALFORMED_REQUEST, "The FHIR server answered 422.")
NO_PATIENT_ID = Rejected(RejectReason.MISSING_IDENTIFIER, "PatientID is missing.")


@dataclass
class FakePublishStudy:
    """Fails for the studies it is told to."""

    failures: dict[str, Exception] = field(default_factory=dict)
    published: list[tuple[StudyKey, int]] = field(default_factory=list)
    messages_put_off: list[tuple[str, int]] = field(default_factory=list)

    def put_off(self, receipt_handle: str, tries: int) -> None:
        self.messages_put_off.append((receipt_handle, tries))

    def __call__(self, study: StudyKey, revision: int) -> None:
        if study.study_instance_uid in self.failures:
            raise self.failures[study.study_instance_uid]
        self.published.append((study, revision))


class Context:
    """What Lambda tells of an invocation."""

    function_name = "publish_study"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:publish_study"
    aws_request_id = "1"


@pytest.fixture
def handler(monkeypatch):
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "publish_study")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "ImagingIngestion")
    from functions.publish_study import handler  # noqa: PLC0415 - Powertools reads its settings at import

    return handler


@pytest.fixture
def publish(handler, monkeypatch):
    publish = FakePublishStudy()
    monkeypatch.setattr(handler, "process", lambda: Publishing(publish, publish.put_off))
    return publish


def batch(*studies):
    """SQS messages that hold the events of EventBridge."""
    events = [
        {"detail-type": "Study Revised", "detail": {"version": 1, "space": "main", "study": study, "revision": 7}}
        for study in studies
    ]
    return {
        "Records": [
            {
                "messageId": event["detail"]["study"],
                "receiptHandle": f"receipt {event['detail']['study']}",
                "attributes": {"ApproximateReceiveCount": "3"},
                "eventSource": "aws:sqs",
                "body": json.dumps(event),
            }
            for event in events
        ]
    }


def failed(answer):
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.fixture
def log(handler, monkeypatch):
    log = StringIO()
    monkeypatch.setattr(handler.logger.registered_handler, "stream", log)
    return log


def test_each_study_is_published_at_its_revision(handler, publish):
    answer = handler.lambda_handler(batch("1.1", "1.2"), Context())
    assert failed(answer) == []
    assert publish.published == [(StudyKey("main", "1.1"), 7), (StudyKey("main", "1.2"), 7)]


@pytest.mark.parametrize("failure", [Unavailable("down"), REFUSED])
def test_what_was_not_taken_goes_back_to_the_queue_alone(handler, publish, failure):
    publish.failures = {"1.1": failure}
    answer = handler.lambda_handler(batch("1.1", "1.2"), Context())
    assert failed(answer) == ["1.1"]
    assert publish.published == [(StudyKey("main", "1.2"), 7)]


def test_a_message_is_put_off_by_how_often_it_was_tried(handler, publish):
    publish.failures = {"1.1": Unavailable("down")}
    handler.lambda_handler(batch("1.1", "1.2"), Context())
    assert publish.messages_put_off == [("receipt 1.1", 3)]


def test_a_study_without_a_patient_id_is_told_and_not_tried_again(handler, publish, log):
    publish.failures = {"1.1": NO_PATIENT_ID}
    assert failed(handler.lambda_handler(batch("1.1"), Context())) == []
    line = json.loads(log.getvalue())
    assert (line["level"], line["kind"], line["study"]) == ("ERROR", "not-published", "1.1")


def test_a_refusal_by_the_server_is_told_as_such(handler, publish, log):
    publish.failures = {"1.1": REFUSED}
    handler.lambda_handler(batch("1.1"), Context())
    line = json.loads(log.getvalue())
    assert (line["kind"], line["why"]) == ("fhir-refused", "The FHIR server answered 422.")


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_a_message_that_is_no_event_goes_back_to_the_queue(handler, publish):
    answer = handler.lambda_handler(
        {"Records": [{"messageId": "m", "eventSource": "aws:sqs", "body": "{}"}]}, Context()
    )
    assert failed(answer) == ["m"]
