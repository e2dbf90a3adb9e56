import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import StringIO

import pytest

from imaging.bootstrap import Publishing
from imaging.errors import Unavailable
from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind, FhirError
from imaging.pipeline.publish_study import Attempt, Published

TRIES = 14


def entry(kind, message="What to mend."):
    return FhirError(StudyKey("main", "1.1"), 7, kind, message, 1, datetime(2026, 11, 22, tzinfo=UTC))


@dataclass
class FakePublishStudy:
    """Fails for the studies it is told to, and leaves entries for others."""

    failures: dict[str, Exception] = field(default_factory=dict)
    entries: dict[str, FhirError] = field(default_factory=dict)
    published: list[tuple[StudyKey, int]] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    messages_put_off: list[tuple[str, int, float]] = field(default_factory=list)
    seconds_allowed: list[float] = field(default_factory=list)

    def put_off(self, receipt_handle: str, tries: int, at_least_seconds: float) -> None:
        self.messages_put_off.append((receipt_handle, tries, at_least_seconds))

    def __call__(self, study: StudyKey, revision: int, attempt: Attempt) -> Published:
        self.attempts.append(attempt)
        if study.study_instance_uid in self.failures:
            raise self.failures[study.study_instance_uid]
        self.published.append((study, revision))
        return Published(revision, self.entries.get(study.study_instance_uid))


class Context:
    """What Lambda tells of an invocation."""

    function_name = "publish_study"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:publish_study"
    aws_request_id = "1"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 89_500


@pytest.fixture
def handler(monkeypatch):
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "publish_study")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "ImagingIngestion")
    from functions.publish_study import handler  # noqa: PLC0415 - Powertools reads its settings at import

    return handler


@pytest.fixture
def publish(handler, monkeypatch):
    publish = FakePublishStudy()
    monkeypatch.setattr(
        handler, "process", lambda: Publishing(publish, publish.put_off, TRIES, publish.seconds_allowed.append)
    )
    return publish


def batch(*studies, tries=3):
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
                "attributes": {"ApproximateReceiveCount": str(tries)},
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


def test_the_server_has_the_functions_time_but_for_what_it_takes_to_tell_what_came(handler, publish):
    handler.lambda_handler(batch("1.1"), Context())
    assert publish.seconds_allowed == [59.5]


@pytest.mark.parametrize("failure", [Unavailable("down"), KeyError("unforeseen")])
def test_what_failed_goes_back_to_the_queue_alone(handler, publish, failure):
    publish.failures = {"1.1": failure}
    answer = handler.lambda_handler(batch("1.1", "1.2"), Context())
    assert failed(answer) == ["1.1"]
    assert publish.published == [(StudyKey("main", "1.2"), 7)]


def test_a_message_is_put_off_by_how_often_it_was_tried_and_by_what_the_server_asks_for(handler, publish, log):
    publish.failures = {"1.1": Unavailable("down", wait_seconds=120)}
    handler.lambda_handler(batch("1.1", "1.2"), Context())
    assert publish.messages_put_off == [("receipt 1.1", 3, 120)]
    line = json.loads(log.getvalue().splitlines()[0])
    assert (line["level"], line["kind"], line["why"], line["tries"]) == ("WARNING", "retrying", "down", 3)


def test_the_publisher_knows_the_last_try_after_which_the_queue_gives_the_message_up(handler, publish, log):
    publish.failures = {"1.1": Unavailable("down", wait_seconds=120)}
    assert failed(handler.lambda_handler(batch("1.1", tries=TRIES), Context())) == ["1.1"]
    handler.lambda_handler(batch("1.2", tries=TRIES - 1), Context())
    assert publish.attempts == [Attempt(TRIES, is_last=True), Attempt(TRIES - 1, is_last=False)]
    assert publish.messages_put_off == [("receipt 1.1", 1, 0)], "soon a dead letter"
    assert json.loads(log.getvalue().splitlines()[0])["kind"] == "retries-exhausted"


@pytest.mark.parametrize("kind", [ErrorKind.NOT_PUBLISHED, ErrorKind.FHIR_REFUSED])
def test_what_trying_again_does_not_mend_is_told_and_acknowledged(handler, publish, log, kind):
    publish.entries = {"1.1": entry(kind)}
    assert failed(handler.lambda_handler(batch("1.1"), Context())) == []
    line = json.loads(log.getvalue())
    assert (line["level"], line["kind"], line["study"], line["why"]) == ("ERROR", kind, "1.1", "What to mend.")


def test_a_study_without_some_attribute_is_published_with_a_warning(handler, publish, log, capsys):
    publish.entries = {"1.1": entry(ErrorKind.INVALID_TAG)}
    assert failed(handler.lambda_handler(batch("1.1"), Context())) == []
    line = json.loads(log.getvalue())
    assert (line["level"], line["message"], line["kind"]) == ("WARNING", "published", "invalid-tag")
    assert json.loads(capsys.readouterr().out)["StudiesPublished"] == [1.0]


def test_a_message_of_the_operators_is_taken_like_an_event(handler, publish):
    event = batch("1.1")
    event["Records"][0]["body"] = json.dumps({"detail": {"space": "main", "study": "1.1", "revision": 7}})
    assert failed(handler.lambda_handler(event, Context())) == []
    assert publish.published == [(StudyKey("main", "1.1"), 7)]


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_a_message_that_is_no_event_goes_back_to_the_queue(handler, publish):
    answer = handler.lambda_handler(
        {"Records": [{"messageId": "m", "eventSource": "aws:sqs", "body": "{}"}]}, Context()
    )
    assert failed(answer) == ["m"]
