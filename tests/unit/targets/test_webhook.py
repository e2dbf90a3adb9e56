import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest

from imaging.distribution.notice import natural_key
from imaging.errors import Rejected, Unavailable
from imaging.model.events import Event
from imaging.settings import WrongSetting
from imaging.targets.webhook import Webhook
from tests.unit.aws.scripted_server import scripted_server

NOW = datetime(2026, 11, 22, 7, tzinfo=UTC)
REVISED = Event("Study Revised", {"version": 1, "space": "main", "study": "1.2", "revision": 3})
STORED = Event(
    "Instance Stored",
    {"version": 1, "space": "main", "study": "1.2", "series": "1.2.3", "instance": "1.2.3.4", "change_number": 7},
)


class ChangingSecret:
    """Was changed since it was read."""

    def __init__(self):
        self.known = "old"

    def text(self):
        return self.known

    def forget(self):
        self.known = "new"


@pytest.fixture
def script():
    with scripted_server() as script:
        script.answers = [(204, b"")]
        yield script


@pytest.fixture
def webhook(script):
    webhook = Webhook(script.base_url, ChangingSecret(), lambda: NOW)
    yield webhook
    webhook.close()


def is_genuine(request, secret):
    """What README tells a receiver to do."""
    parts = dict(part.split("=") for part in request.headers["Imaging-Signature"].split(","))
    expected = hmac.new(secret.encode(), parts["t"].encode() + b"." + request.body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts["v1"]) and int(parts["t"]) == NOW.timestamp()


def test_a_receiver_can_tell_who_sends_what_and_when(webhook, script):
    webhook.tell(REVISED)
    (request,) = script.requests
    assert request.method == "POST"
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.body) == {
        "source": "imaging",
        "detail-type": "Study Revised",
        "detail": {"version": 1, "space": "main", "study": "1.2", "revision": 3},
    }
    assert is_genuine(request, "old")
    assert not is_genuine(request, "new")


def test_repeats_have_the_same_key_and_no_two_notices_share_one(webhook, script):
    for event in (REVISED, REVISED, STORED):
        webhook.tell(event)
    assert [request.headers["Idempotency-Key"] for request in script.requests] == [
        '"main/1.2/3"',
        '"main/1.2/3"',
        '"main/1.2/1.2.3/1.2.3.4/7"',
    ]
    assert natural_key(STORED) == "main/1.2/1.2.3/1.2.3.4/7"


def test_a_secret_that_was_changed_is_read_anew(webhook, script):
    script.answers = [(401, b""), (200, b"")]
    webhook.tell(STORED)
    assert [is_genuine(request, "old") for request in script.requests] == [True, False]
    assert is_genuine(script.requests[1], "new")


@pytest.mark.parametrize("status", [301, 401, 403, 404, 408, 410, 429, 500, 503])
def test_what_may_pass_is_unavailable(webhook, script, status):
    script.answers = [(status, b"")]
    with pytest.raises(Unavailable, match=str(status)):
        webhook.tell(STORED)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_is_refused_for_good_is_rejected_without_a_word_of_the_answer(webhook, script, status):
    script.answers = [(status, b"Doe^Jane")]
    with pytest.raises(Rejected, match=str(status)) as caught:
        webhook.tell(STORED)
    assert "Doe" not in str(caught.value)


@pytest.mark.parametrize("address", ["http://receiver.example/hook", "ftp://127.0.0.1/", "receiver.example"])
def test_notices_go_nowhere_in_the_clear(address):
    with pytest.raises(WrongSetting, match="https"):
        Webhook(address, ChangingSecret(), lambda: NOW)
