"""The function that delivers, over a use case that does as a test says."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from io import StringIO

import pytest

from imaging.bootstrap import Delivering, now
from imaging.distribution.work_off import Handled, ReceivedMessage
from imaging.model.binding import binding_of
from imaging.model.delivery import Delivered, Result

BINDING = binding_of({"name": "to-research", "on": "instance", "target": {"space": "research"}})
DONE = Handled(True, Delivered(Result.DELIVERED, 1))


@dataclass
class Queue:
    given_back: list[str] = field(default_factory=list)

    def give_back(self, receipt_handle):
        self.given_back.append(receipt_handle)


@dataclass
class WorkOff:
    """Does by the message's body."""

    outcomes: dict[str, Handled | Exception]
    calls: list[tuple[ReceivedMessage, timedelta]] = field(default_factory=list)

    def __call__(self, message, deadline):
        self.calls.append((message, deadline - now()))
        outcome = self.outcomes[message.body]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@dataclass
class Context:
    """What the decorators read of the Lambda context."""

    remaining_ms: int = 600_000
    function_name: str = "deliver"
    memory_limit_in_mb: int = 1024
    invoked_function_arn: str = "arn:deliver"
    aws_request_id: str = "1"

    def get_remaining_time_in_millis(self):
        return self.remaining_ms


@pytest.fixture
def handler(monkeypatch):
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "true")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "ImagingIngestion")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "deliver-to-research")
    from functions.deliver import handler  # noqa: PLC0415 - powertools reads its environment when it is imported

    return handler


@pytest.fixture
def log(handler, monkeypatch):
    log = StringIO()
    monkeypatch.setattr(handler.logger.registered_handler, "stream", log)
    return log


@pytest.fixture
def run(handler, log, monkeypatch):
    def run(outcomes, remaining_ms=600_000):
        work_off, queue = WorkOff(outcomes), Queue()
        monkeypatch.setattr(handler, "process", lambda: Delivering(BINDING, work_off, queue))
        records = [
            {
                "messageId": f"m-{body}",
                "receiptHandle": f"r-{body}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "3", "SentTimestamp": "1795330800000"},
            }
            for body in outcomes
        ]
        answer = handler.lambda_handler({"Records": records}, Context(remaining_ms))
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]], work_off, queue

    return run


def test_one_message_that_fails_holds_up_no_other_and_comes_back(run, log, capsys):
    left, work_off, _ = run(
        {
            "1": DONE,
            "2": Handled(False, None, "The target answers 503."),
            "3": Handled(True, Delivered(Result.REFUSED, reason="The target answers 415."), "The target answers 415."),
            "4": Handled(False, Delivered(Result.UNFINISHED, 40)),
            "5": ZeroDivisionError("Doe^Jane"),
            "6": DONE,
        }
    )
    assert left == ["m-2", "m-4", "m-5"]
    assert [message.tries for message, _ in work_off.calls] == [3] * 6
    assert "Doe" not in log.getvalue()
    assert {"retrying", "refused"} <= {json.loads(line).get("kind") for line in log.getvalue().splitlines()}
    (metrics,) = (json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line)
    assert metrics["Delivered"] == [0.0, 1.0, 0.0, 40.0, 1.0]
    assert (metrics["DeliveriesPutOff"], metrics["DeliveriesRefused"]) == ([1.0], [1.0])
    assert (metrics["binding"], metrics["service"]) == ("to-research", "deliver-to-research")


def test_nothing_is_begun_so_late_that_the_function_would_be_stopped_in_it(run, handler):
    _, work_off, _ = run({"1": DONE})
    ((_, time_left),) = work_off.calls
    assert timedelta(0) < timedelta(minutes=10) - handler.SPARE - time_left < timedelta(seconds=5)


def test_a_message_for_which_no_time_is_left_comes_back_at_once(run):
    left, work_off, queue = run({"1": DONE, "2": DONE}, remaining_ms=10_000)
    assert (left, work_off.calls, queue.given_back) == (["m-1", "m-2"], [], ["r-1", "r-2"])
