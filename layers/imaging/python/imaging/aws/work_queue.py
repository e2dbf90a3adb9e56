"""The queue a process takes its work from; what could not be handled comes back when it is worth trying again."""

import random
from collections.abc import Sequence

from imaging.aws.clients import client, ours_to_retry
from imaging.distribution.work_off import ReceivedMessage

FIRST_WAIT_SECONDS = 4
LONGEST_WAIT_SECONDS = 900
POLL_SECONDS = 2
"""How long a process waits for a message; as long as that it may take to stop."""


def wait_seconds(tries: int, first: float = FIRST_WAIT_SECONDS, longest: float = LONGEST_WAIT_SECONDS) -> int:
    """Seconds after the given number of tries: doubling up to half the longest, with jitter up to as much again."""
    wait = min(first * 2.0 ** (tries - 1), longest / 2)
    return round(wait * random.uniform(1, 2))


class WorkQueue:
    """An SQS queue.

    Parameters
    ----------
    first_wait_seconds, longest_wait_seconds
        How long a message is put off at least after its first try, and at most after many.
    """

    def __init__(
        self,
        queue_url: str,
        *,
        first_wait_seconds: float = FIRST_WAIT_SECONDS,
        longest_wait_seconds: float = LONGEST_WAIT_SECONDS,
    ) -> None:
        self._queue_url = queue_url
        self._first_wait_seconds = first_wait_seconds
        self._longest_wait_seconds = longest_wait_seconds

    def receive(self) -> Sequence[ReceivedMessage]:
        """The next message, if one comes within `POLL_SECONDS`."""
        with ours_to_retry("receiving a message"):
            answer = client("sqs").receive_message(
                QueueUrl=self._queue_url,
                WaitTimeSeconds=POLL_SECONDS,
                MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
            )
        return [
            ReceivedMessage.of_sqs(message["Body"], message["ReceiptHandle"], message["Attributes"])
            for message in answer.get("Messages", [])
        ]

    def acknowledge(self, receipt_handle: str) -> None:
        """The message is done with."""
        with ours_to_retry("acknowledging a message"):
            client("sqs").delete_message(QueueUrl=self._queue_url, ReceiptHandle=receipt_handle)

    def put_off(self, receipt_handle: str, tries: int, at_least_seconds: float = 0) -> None:
        """Let a message that was received `tries` times come back later, the longer the more often it failed."""
        wait = wait_seconds(tries, self._first_wait_seconds, self._longest_wait_seconds)
        self._come_back_in(max(wait, round(at_least_seconds)), receipt_handle)

    def give_back(self, receipt_handle: str) -> None:
        """Let a message come back at once."""
        self._come_back_in(0, receipt_handle)

    def _come_back_in(self, seconds: int, receipt_handle: str) -> None:
        with ours_to_retry("putting off a message"):
            client("sqs").change_message_visibility(
                QueueUrl=self._queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
            )
