"""Messages into the queue of a binding, and into its dead-letter queue."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from imaging.aws.clients import client, ours_to_retry
from imaging.errors import Unavailable

MAX_TOGETHER = 10  # SendMessageBatch


class DeliveryQueue:
    """`imaging.distribution.replay.MessageQueue`, in SQS."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    def send(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Send all of them; raises `Unavailable` if one was not taken."""
        for start in range(0, len(messages), MAX_TOGETHER):
            entries = [
                {"Id": str(place), "MessageBody": json.dumps(message)}
                for place, message in enumerate(messages[start : start + MAX_TOGETHER])
            ]
            with ours_to_retry("sending to the queue of a binding"):
                answer = client("sqs").send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            if failed := answer.get("Failed"):
                raise Unavailable(f"SQS did not take a message ({failed[0]['Code']}); it is sent again.")

    def send_with_reason(self, message: Mapping[str, Any], reason: str) -> None:
        """Send one message, the reason beside it for whoever looks at the queue."""
        with ours_to_retry("sending to the dead-letter queue of a binding"):
            client("sqs").send_message(
                QueueUrl=self._queue_url,
                MessageBody=json.dumps(message),
                MessageAttributes={"reason": {"DataType": "String", "StringValue": reason}},
            )
