import io
import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.reconcile import handler
from functions.reconcile.handler import lambda_handler
from imaging.errors import Unavailable
from imaging.model.reconciliation import Pass, Phase, Reconciled

MINUTES = 15


class Context:
    function_name = "reconcile"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:reconcile"
    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return MINUTES * 60_000


class Due:
    """What is due in each space."""

    def __init__(self, **outcomes: Pass | Unavailable | None) -> None:
        self._outcomes = outcomes
        self.asked: dict[str, tuple[timedelta, datetime]] = {}

    def when_due(self, space: str, every: timedelta, deadline: datetime) -> Pass | None:
        self.asked[space] = (every, deadline)
        outcome = self._outcomes[space]
        if isinstance(outcome, Unavailable):
            raise outcome
        return outcome


class Drops:
    """There are some in each space, but in one the queue does not take them."""

    def when_due(self, space: str, every: timedelta) -> int:
        if space == "research":
            raise Unavailable("SQS does not answer.")
        return 3


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    (stdout,) = [one for one in handler.logger.handlers if isinstance(one, logging.StreamHandler)]
    monkeypatch.setattr(stdout, "stream", stream)
    monkeypatch.setattr(handler.metrics.provider, "namespace", "ImagingIngestion")
    monkeypatch.setattr(handler.metrics.provider, "service", "reconcile")
    return stream


def work(monkeypatch: pytest.MonkeyPatch, **outcomes: Pass | Unavailable | None) -> tuple[Due, dict[str, Any]]:
    due = Due(**outcomes)
    spaces = [{"name": name, "bucket": f"{name}-bucket", "ae_title": name.upper()} for name in outcomes]
    monkeypatch.setenv("SPACES", json.dumps(spaces))
    monkeypatch.setenv("RECONCILE_DAYS", "3")
    monkeypatch.setattr(handler, "reconcile", lambda: due)
    monkeypatch.setattr(handler, "retell_drops", Drops)
    return due, lambda_handler({}, Context())


def a_pass(phase: Phase) -> Pass:
    return Pass("main", "token", datetime.now(UTC), phase, found=Reconciled(studies=7, indexed=2))


def test_shares_its_time_among_the_spaces_and_leaves_some_to_finish(
    monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    began = datetime.now(UTC)
    due, answer = work(monkeypatch, main=a_pass(Phase.BUCKET), research=None)
    first, second = due.asked["main"][1] - began, due.asked["research"][1] - began
    assert first < second < timedelta(minutes=MINUTES * 0.8)
    assert {every for every, _ in due.asked.values()} == {timedelta(days=3)}
    assert answer["main"]["phase"] == "bucket"
    assert "research" not in answer
    assert '"indexed":2' in log.getvalue().replace(" ", "")


def test_counts_what_a_finished_pass_found(
    monkeypatch: pytest.MonkeyPatch, log: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    work(monkeypatch, main=a_pass(Phase.DONE))
    (metrics,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert (metrics["ReconciledIndexed"], metrics["ReconciledMarkedAgain"]) == ([2], [0])


def test_one_space_that_fails_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch, log: io.StringIO) -> None:
    _, answer = work(monkeypatch, main=Unavailable("S3 does not answer."), research=a_pass(Phase.DONE))
    assert list(answer) == ["research"]
    assert "S3 does not answer." in log.getvalue()


def test_tells_of_drops_again_whether_or_not_a_pass_is_due(
    monkeypatch: pytest.MonkeyPatch, log: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    _, answer = work(monkeypatch, research=None, main=None)
    assert answer == {}
    assert "SQS does not answer." in log.getvalue()
    (metrics,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert metrics["DropsToldAgain"] == [3]
