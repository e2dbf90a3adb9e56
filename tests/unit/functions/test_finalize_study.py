import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from imaging.model.identifiers import StudyKey
from imaging.pipeline.finalize_study import Finalized

RELEASED_AT = datetime(2026, 11, 22, 7, tzinfo=UTC)
STUDY = StudyKey("main", "1.2")


@dataclass
class FakeFinalizer:
    """Has the outcome it is told to have."""

    outcome: Finalized = Finalized.REVISED
    asked: list[tuple[StudyKey, datetime | None]] = field(default_factory=list)
    messages_put_off: list[tuple[str, int]] = field(default_factory=list)

    def __call__(self, study: StudyKey, released_at: datetime | None = None) -> Finalized:
        self.asked.append((study, released_at))
        return self.outcome

    def put_off(self, receipt_handle: str, tries: int) -> None:
        self.messages_put_off.append((receipt_handle, tries))


class Context:
    """What Lambda tells of an invocation."""

    function_name = "finalize_study"
    memory_limit_in_mb = 2048
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:finalize_study"
    aws_request_id = "1"


@pytest.fixture
def finalizer(monkeypatch: pytest.MonkeyPatch) -> FakeFinalizer:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "finalize_study")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "ImagingIngestion")
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "1")
    from functions.finalize_study import handler  # noqa: PLC0415 - Powertools reads its settings at import

    fake = FakeFinalizer()
    monkeypatch.setattr(handler.metrics.provider, "namespace", "ImagingIngestion")
    monkeypatch.setattr(handler.metrics.provider, "service", "finalize_study")
    monkeypatch.setattr(handler, "finalize_study", lambda: fake)
    monkeypatch.setattr(handler, "put_off", lambda: fake.put_off)
    return fake


def deliver(body: dict[str, str], *, tries: int = 1) -> list[str]:
    """Message ids that SQS will deliver again."""
    from functions.finalize_study import handler  # noqa: PLC0415 - Powertools reads its settings at import

    record = {
        "messageId": "1",
        "body": json.dumps(body),
        "receiptHandle": "handle 1",
        "attributes": {"ApproximateReceiveCount": str(tries)},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:finalize",
        "awsRegion": "us-east-1",
    }
    try:
        answer = handler.lambda_handler({"Records": [record]}, Context())
    except Exception as failure:
        pytest.fail(f"the whole batch failed: {failure}")
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


TIMER = {"space": "main", "study": "1.2"}
HINT = {**TIMER, "released_at": RELEASED_AT.isoformat()}


def test_a_timer_asks_without_a_hint(finalizer: FakeFinalizer) -> None:
    assert deliver(TIMER) == []
    assert finalizer.asked == [(STUDY, None)]


def test_a_released_association_is_a_hint(finalizer: FakeFinalizer) -> None:
    assert deliver(HINT) == []
    assert finalizer.asked == [(STUDY, RELEASED_AT)]


def test_a_hint_on_what_nobody_has_indexed_comes_back(finalizer: FakeFinalizer) -> None:
    finalizer.outcome = Finalized.NOT_KNOWN_YET
    assert deliver(HINT, tries=2) == ["1"]
    assert finalizer.messages_put_off == [("handle 1", 2)]


def test_in_the_end_it_is_let_go(finalizer: FakeFinalizer) -> None:
    finalizer.outcome = Finalized.NOT_KNOWN_YET
    assert deliver(HINT, tries=4) == []
    assert finalizer.messages_put_off == []
