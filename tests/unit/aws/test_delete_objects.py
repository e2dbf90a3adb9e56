"""What S3 answers to many deletes at once: a call may succeed and single keys fail."""

import threading

import pytest

from imaging.aws import delete_objects as module
from imaging.aws.delete_objects import delete_objects
from imaging.errors import Unavailable


class BusyBucket:
    """DeleteObjects, which asks to slow down for some keys as often as it is told."""

    def __init__(self, busy: dict[str, int]) -> None:
        self.deleted: list[str] = []
        self.calls: list[int] = []
        self._busy = busy
        self._lock = threading.Lock()

    def delete_objects(self, Bucket: str, Delete: dict) -> dict:  # noqa: N803
        assert Delete["Quiet"]
        errors = []
        with self._lock:
            self.calls.append(len(Delete["Objects"]))
            for entry in Delete["Objects"]:
                if self._busy.get(entry["Key"], 0) > 0:
                    self._busy[entry["Key"]] -= 1
                    errors.append({"Key": entry["Key"], "Code": "SlowDown"})
                else:
                    self.deleted.append(entry["Key"])
        return {"Errors": errors} if errors else {}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_PAUSE_SECONDS", 0)


def test_deletes_a_thousand_keys_a_call():
    keys = [f"key-{number}" for number in range(2_001)]
    bucket = BusyBucket({})
    delete_objects(bucket, "bucket", keys)
    assert sorted(bucket.deleted) == sorted(keys)
    assert sorted(bucket.calls) == [1, 1_000, 1_000]


def test_asks_again_for_the_keys_that_failed_and_for_no_others():
    bucket = BusyBucket({"b": 2})
    delete_objects(bucket, "bucket", ["a", "b", "c"])
    assert bucket.deleted == ["a", "c", "b"]
    assert bucket.calls == [3, 1, 1]


def test_fails_when_keys_go_on_failing_and_names_the_code():
    bucket = BusyBucket({"b": 100})
    with pytest.raises(Unavailable, match="SlowDown"):
        delete_objects(bucket, "bucket", ["a", "b"])


def test_deletes_nothing_where_there_is_nothing():
    bucket = BusyBucket({})
    delete_objects(bucket, "bucket", [])
    assert bucket.calls == []
