"""Notices to queues and buses of others, on the embedded AWS."""

import json
from uuid import uuid4

import boto3
import pytest

from imaging.aws import clients
from imaging.aws.bus_subscriber import BusSubscriber
from imaging.aws.queue_subscriber import QueueSubscriber
from imaging.errors import Unavailable
from imaging.model.events import Event

REVISED = Event("Study Revised", {"version": 1, "space": "main", "study": "1.2", "revision": 3})


@pytest.fixture
def queue(embedded_aws):
    """Its ARN, and what is in it."""
    clients.made.cache_clear()
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName=f"subscriber-{uuid4().hex}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def bodies():
        return [json.loads(message["Body"]) for message in sqs.receive_message(QueueUrl=url).get("Messages", [])]

    yield arn, bodies
    sqs.delete_queue(QueueUrl=url)
    clients.made.cache_clear()


def test_a_queue_gets_the_event_as_one_message(queue):
    arn, bodies = queue
    QueueSubscriber(arn).tell(REVISED)
    assert bodies() == [{"source": "imaging", "detail-type": "Study Revised", "detail": REVISED.detail}]


def test_a_bus_gets_the_event_as_it_is_on_our_own(queue):
    arn, bodies = queue
    events = boto3.client("events")
    name = f"subscriber-{uuid4().hex}"
    bus_arn = events.create_event_bus(Name=name)["EventBusArn"]
    pattern = {"source": ["imaging"], "detail-type": ["Study Revised"]}
    events.put_rule(Name="all", EventBusName=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule="all", EventBusName=name, Targets=[{"Id": "queue", "Arn": arn}])

    BusSubscriber(bus_arn).tell(REVISED)

    (told,) = bodies()
    assert (told["source"], told["detail-type"], told["detail"]) == ("imaging", "Study Revised", REVISED.detail)


def test_a_queue_that_is_not_there_may_come_back(queue):
    arn, _ = queue
    with pytest.raises(Unavailable, match="queue of a subscriber"):
        QueueSubscriber(f"{arn}-gone").tell(REVISED)
