"""The status is recorded as it was read, and a failure is one."""

from types import SimpleNamespace

import pytest

from functions.record_status import handler
from imaging.bootstrap import Recording
from imaging.errors import Unavailable
from tests.fakes import START
from tests.unit.dicomweb.test_status_resource import STATUS

CONTEXT = SimpleNamespace(
    function_name="record_status", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="1"
)


class Record:
    """Keeps documents unless a later run has kept its own."""

    def __init__(self, *, is_late: bool = False) -> None:
        self.kept = []
        self.is_late = is_late

    def keep(self, document, as_of):
        self.kept.append((document, as_of))
        return not self.is_late

    def read(self):
        return None


def record(monkeypatch, read, record):
    monkeypatch.setattr(handler, "recording", lambda: Recording(read, record))
    return handler.lambda_handler({}, CONTEXT)


@pytest.mark.parametrize("is_late", [False, True])
def test_what_was_read_is_kept_as_of_when_it_was_read(monkeypatch, is_late):
    kept = Record(is_late=is_late)
    answer = record(monkeypatch, lambda: STATUS, kept)
    assert kept.kept == [(STATUS.as_json(), START)]
    assert answer == {"as_of": START.isoformat(), "kept": not is_late}


def test_what_cannot_be_read_fails_the_call_which_its_alarm_counts(monkeypatch):
    def read():
        raise Unavailable("SQS did not answer while looking at a queue.")

    kept = Record()
    with pytest.raises(Unavailable):
        record(monkeypatch, read, kept)
    assert not kept.kept
