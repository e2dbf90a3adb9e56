"""Dead letters on the embedded AWS, which moves letters one by one; and on SQS's own task, by its model."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import boto3
import pytest
from botocore.stub import ANY, Stubber

from imaging.aws import queue_gauge
from imaging.aws.clients import client
from imaging.aws.dead_letters import SqsDeadLetters
from imaging.aws.queue_gauge import SqsGauge
from imaging.errors import Unavailable
from imaging.model.queues import Queue, QueueKind, queues_of

MOST_TRIES = 3


def unseen(done: int, in_all: int) -> None:
    """Progress that nobody looks at."""


@pytest.fixture
def queue(embedded_aws: object) -> Queue:
    """A queue with its dead letters, as the stack makes them."""
    sqs, name = boto3.client("sqs"), uuid4().hex
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": MOST_TRIES})
    url = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": policy})["QueueUrl"]
    return Queue(name, QueueKind.INDEX_INSTANCE, url, dead)


def put_dead(queue: Queue, *bodies: str) -> None:
    for body in bodies:
        boto3.client("sqs").send_message(
            QueueUrl=queue.dead_letter_queue_url,
            MessageBody=body,
            MessageAttributes={"why": {"DataType": "String", "StringValue": "for a test"}},
        )


def waiting(queue_url: str) -> list[str]:
    messages = boto3.client("sqs").receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return sorted(message["Body"] for message in messages.get("Messages", []))


def test_a_letter_that_was_tried_says_how_often_however_often_it_was_looked_at(queue):
    sqs = boto3.client("sqs")
    sqs.send_message(QueueUrl=queue.queue_url, MessageBody="hopeless")
    for _ in range(MOST_TRIES + 1):
        sqs.receive_message(QueueUrl=queue.queue_url, VisibilityTimeout=0)

    for _ in range(3):
        (letter,) = SqsDeadLetters().peek(queue, 10)
        assert (letter.body, letter.tries) == ("hopeless", MOST_TRIES)
        assert datetime.now(UTC) - letter.sent_at < timedelta(minutes=1)


def test_a_letter_that_was_put_aside_at_once_was_not_tried(queue):
    put_dead(queue, "refused")
    (letter,) = SqsDeadLetters().peek(queue, 10)
    assert letter.tries is None
    assert letter.attributes == {"why": "for a test"}


def test_looking_leaves_letters_where_they_are_for_the_next_who_looks(queue):
    put_dead(queue, *(f"{number:02}" for number in range(25)))
    assert [letter.body for letter in SqsDeadLetters().peek(queue, 12)] == [f"{number:02}" for number in range(12)]
    assert len(SqsDeadLetters().peek(queue, 100)) == 25


def test_redriven_letters_are_back_in_their_queue_with_their_attributes_and_new(queue):
    put_dead(queue, *(f"{number:02}" for number in range(15)))
    seen: list[tuple[int, int]] = []

    assert SqsDeadLetters().redrive(queue, None, lambda *counts: seen.append(counts)) == 15

    assert seen[-1] == (15, 15)
    assert SqsGauge().figures([queue])[queue.name].dead_letters == 0
    messages = boto3.client("sqs").receive_message(
        QueueUrl=queue.queue_url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
    )["Messages"]
    assert messages[0]["Attributes"]["ApproximateReceiveCount"] == "1"
    assert messages[0]["MessageAttributes"]["why"]["StringValue"] == "for a test"


def test_only_older_letters_are_redriven_when_asked_so(queue):
    put_dead(queue, "young")
    assert SqsDeadLetters().redrive(queue, datetime.now(UTC) - timedelta(hours=1), unseen) == 0
    assert waiting(queue.dead_letter_queue_url) == ["young"]
    assert SqsDeadLetters().redrive(queue, datetime.now(UTC) + timedelta(seconds=5), unseen) == 1
    assert waiting(queue.queue_url) == ["young"]


def test_large_letters_go_back_one_by_one(queue):
    bodies = sorted(f"{number}{'x' * 150_000}" for number in range(3))
    put_dead(queue, *bodies)
    assert SqsDeadLetters().redrive(queue, None, unseen) == 3
    assert waiting(queue.queue_url) == bodies


def test_removes_those_that_are_wanted_and_no_others(queue):
    put_dead(queue, "told", "untold")
    assert SqsDeadLetters().remove(queue, lambda letter: letter.body == "told", unseen) == 1
    assert waiting(queue.dead_letter_queue_url) == ["untold"]


def test_letters_are_let_go_when_looking_at_one_fails(queue):
    put_dead(queue, "one", "two")

    def fail(_: object) -> bool:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        SqsDeadLetters().remove(queue, fail, unseen)
    assert waiting(queue.dead_letter_queue_url) == ["one", "two"]


def test_figures_count_what_waits_what_is_under_way_and_what_is_dead(queue):
    sqs = boto3.client("sqs")
    for body in ("a", "b", "c"):
        sqs.send_message(QueueUrl=queue.queue_url, MessageBody=body)
    sqs.receive_message(QueueUrl=queue.queue_url)
    put_dead(queue, "d")

    figures = SqsGauge().figures([queue])[queue.name]

    assert (figures.waiting, figures.under_way, figures.dead_letters) == (2, 1, 1)


def test_cloudwatch_which_has_its_price_is_not_asked_how_old_an_empty_queue_is(queue, monkeypatch):
    monkeypatch.setattr(queue_gauge, "_age_query", lambda place, url: pytest.fail("asked"))
    assert SqsGauge().figures([queue])[queue.name].oldest_seconds is None


def test_the_age_of_the_oldest_message_comes_from_cloudwatch(queue):
    assert SqsGauge().figures([queue])[queue.name].oldest_seconds is None
    boto3.client("sqs").send_message(QueueUrl=queue.queue_url, MessageBody="waits")
    boto3.client("cloudwatch").put_metric_data(
        Namespace="AWS/SQS",
        MetricData=[
            {
                "MetricName": "ApproximateAgeOfOldestMessage",
                "Dimensions": [{"Name": "QueueName", "Value": queue.name}],
                "Value": 90,
                "Unit": "Seconds",
            }
        ],
    )
    assert SqsGauge().figures([queue])[queue.name].oldest_seconds == 90
    boto3.client("sqs").purge_queue(QueueUrl=queue.queue_url)
    assert SqsGauge().figures([queue])[queue.name].oldest_seconds is None


def test_a_queue_that_only_has_dead_letters_has_figures_too(queue):
    put_dead(queue, "aside")
    aside = Queue("announce_change", QueueKind.ANNOUNCE_CHANGE, "", queue.dead_letter_queue_url)
    figures = SqsGauge().figures([aside])["announce_change"]
    assert (figures.waiting, figures.under_way, figures.dead_letters, figures.oldest_seconds) == (0, 0, 1, None)


@pytest.fixture
def service(embedded_aws: object) -> Iterator[Stubber]:
    """SQS as its own model has it: the embedded AWS has no StartMessageMoveTask."""
    with Stubber(client("sqs")) as stubber:
        for name in ("dead", "live"):
            stubber.add_response("get_queue_attributes", {"Attributes": {"QueueArn": f"arn:{name}"}})
        stubber.add_response(
            "start_message_move_task", {"TaskHandle": "task"}, {"SourceArn": "arn:dead", "DestinationArn": "arn:live"}
        )
        yield stubber
        stubber.assert_no_pending_responses()


LIVE = Queue("live", QueueKind.DELIVER, "https://sqs.example/live", "https://sqs.example/dead")


def answer(stubber: Stubber, status: str, moved: int) -> None:
    stubber.add_response(
        "list_message_move_tasks",
        {
            "Results": [
                {
                    "Status": status,
                    "ApproximateNumberOfMessagesMoved": moved,
                    "ApproximateNumberOfMessagesToMove": 7,
                }
            ]
        },
        {"SourceArn": "arn:dead", "MaxResults": ANY},
    )


def test_sqs_moves_letters_by_itself_where_it_can(service, monkeypatch):
    monkeypatch.setattr("imaging.aws.dead_letters._LOOK_AGAIN_SECONDS", 0)
    answer(service, "RUNNING", 3)
    answer(service, "COMPLETED", 7)
    seen: list[tuple[int, int]] = []
    assert SqsDeadLetters().redrive(LIVE, None, lambda *counts: seen.append(counts)) == 7
    assert seen == [(3, 7), (7, 7)]


def test_a_move_that_sqs_gives_up_is_told(service):
    answer(service, "FAILED", 3)
    with pytest.raises(Unavailable, match="after 3"):
        SqsDeadLetters().redrive(LIVE, None, unseen)


def test_reads_queues_as_the_deployment_lists_them():
    setting = json.dumps(
        [
            {
                "name": "index_instance",
                "kind": "index_instance",
                "queue_url": "https://sqs.example/1/index",
                "dead_letter_queue_url": "https://sqs.example/1/index-dead",
            },
            {"name": "announce_change", "kind": "announce_change", "queue_url": None, "dead_letter_queue_url": "d"},
        ]
    )
    index, aside = queues_of(setting)
    assert index.kind is QueueKind.INDEX_INSTANCE
    assert (aside.queue_url, aside.dead_letter_queue_url) == ("", "d")
