"""What becomes of a message, on queues of the embedded AWS."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import boto3
import pytest

from imaging.aws import clients
from imaging.aws.delivery_queue import DeliveryQueue
from imaging.aws.work_queue import WorkQueue
from imaging.distribution.deliver import Deliver
from imaging.distribution.work_off import WorkOff
from imaging.errors import Unavailable
from imaging.model.binding import TargetKind
from imaging.model.delivery import Delivered, Result
from tests.unit.distribution.deliveries import binding_to

DEADLINE = datetime(2026, 11, 22, 7, tzinfo=UTC)
EVENT = {"source": "imaging", "detail-type": "Study Revised", "detail": {"study": "1.2"}}


class Queues:
    """The queue of a binding and its dead letters."""

    def __init__(self):
        self.sqs = boto3.client("sqs")
        self.url, self.dead_url = (
            self.sqs.create_queue(QueueName=uuid4().hex, Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
            for _ in range(2)
        )
        self.work = WorkQueue(self.url, first_wait_seconds=300, longest_wait_seconds=900)
        self.dead = DeliveryQueue(self.dead_url)

    def received(self, body):
        self.sqs.send_message(QueueUrl=self.url, MessageBody=body)
        (message,) = self.work.receive()
        return message

    def figures(self):
        """Visible, and put off."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return tuple(int(found[name]) for name in names)

    def dead_letters(self):
        answer = self.sqs.receive_message(QueueUrl=self.dead_url, MessageAttributeNames=["All"])
        return [
            (json.loads(message["Body"]), message["MessageAttributes"]["reason"]["StringValue"])
            for message in answer.get("Messages", [])
        ]


@pytest.fixture
def queues(embedded_aws):
    clients.made.cache_clear()
    yield Queues()
    clients.made.cache_clear()


def work_off(queues, outcome, heard=None):
    def deliver(message, sent_at, deadline):
        if heard is not None:
            heard.append((message, sent_at, deadline))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return WorkOff(deliver, queues.work)


def test_what_was_delivered_is_done(queues):
    heard = []
    message = queues.received(json.dumps(EVENT))
    handled = work_off(queues, Delivered(Result.DELIVERED, 3), heard)(message, DEADLINE)
    assert (handled.is_done, handled.delivered.sent, handled.why) == (True, 3, "")
    assert heard == [(EVENT, message.sent_at, DEADLINE)]
    assert abs(datetime.now(UTC) - message.sent_at) < timedelta(minutes=1)
    queues.work.acknowledge(message.receipt_handle)
    assert queues.figures() == (0, 0)


def test_what_is_refused_is_done_and_says_why(queues):
    message = queues.received(json.dumps(EVENT))
    handled = work_off(queues, Delivered(Result.REFUSED, reason="The target answers 415."))(message, DEADLINE)
    assert (handled.is_done, handled.why) == (True, "The target answers 415.")


@pytest.mark.parametrize("body", ["no JSON", "[1]", '"text"', "4711"])
def test_what_is_no_message_of_ours_is_kept_as_it_came(queues, body):
    deliver = Deliver(binding_to(TargetKind.QUEUE), queues.dead.send_with_reason)
    handled = WorkOff(deliver, queues.work)(queues.received(body), DEADLINE)
    assert handled.is_done
    ((message, reason),) = queues.dead_letters()
    assert message == {"body": body}
    assert reason.startswith("The message is no event of this system")


def test_what_could_not_be_delivered_now_is_put_off(queues):
    handled = work_off(queues, Unavailable("The target answers 503."))(queues.received(json.dumps(EVENT)), DEADLINE)
    assert (handled.is_done, handled.delivered, handled.why) == (False, None, "The target answers 503.")
    assert queues.figures() == (0, 1)


def test_a_target_that_asks_for_time_gets_it(queues, monkeypatch):
    asked = []
    monkeypatch.setattr(queues.work, "_come_back_in", lambda seconds, _: asked.append(seconds))
    work_off(queues, Unavailable("Busy.", wait_seconds=12_000))(queues.received(json.dumps(EVENT)), DEADLINE)
    assert asked == [12_000]


def test_what_was_not_finished_comes_back_at_once(queues):
    message = queues.received(json.dumps(EVENT))
    handled = work_off(queues, Delivered(Result.UNFINISHED, 500))(message, DEADLINE)
    assert not handled.is_done
    (again,) = queues.work.receive()
    assert (again.body, again.tries) == (message.body, 2)


def test_what_nobody_foresaw_is_put_off_and_told(queues):
    with pytest.raises(ZeroDivisionError):
        work_off(queues, ZeroDivisionError("Doe^Jane"))(queues.received(json.dumps(EVENT)), DEADLINE)
    assert queues.figures() == (0, 1)
    assert queues.dead_letters() == []
