"""Hears what the system announces of one study, as any subscriber on the bus would."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

_NAME = "imaging-sample-tour"


class EventListener:
    """Reads the events that were put into a queue."""

    def __init__(self, queue_url: str) -> None:
        self._sqs = boto3.client("sqs")
        self._queue_url = queue_url

    def revision(self, number: int) -> dict[str, Any] | None:
        """The event of this revision, if it has come."""
        for message in self._sqs.receive_message(QueueUrl=self._queue_url, WaitTimeSeconds=1).get("Messages", []):
            event: dict[str, Any] = json.loads(message["Body"])
            if event["detail"]["revision"] == number:
                return event
        return None


@contextmanager
def listening(event_bus: str, study_instance_uid: str) -> Iterator[EventListener]:
    """Subscribe a queue to the revisions of the study, as long as the context lasts."""
    sqs, events = boto3.client("sqs"), boto3.client("events")
    queue_url = sqs.create_queue(QueueName=_NAME)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["imaging"], "detail-type": ["Study Revised"], "detail": {"study": [study_instance_uid]}}
    events.put_rule(Name=_NAME, EventBusName=event_bus, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=_NAME, EventBusName=event_bus, Targets=[{"Id": _NAME, "Arn": arn}])
    try:
        yield EventListener(queue_url)
    finally:
        with suppress(BotoCoreError, ClientError):  # the system may be stopping, and rule and queue harm nobody
            events.remove_targets(Rule=_NAME, EventBusName=event_bus, Ids=[_NAME])
            events.delete_rule(Name=_NAME, EventBusName=event_bus)
            sqs.delete_queue(QueueUrl=queue_url)
