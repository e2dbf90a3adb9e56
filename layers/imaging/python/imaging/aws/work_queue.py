"""A message that could not be handled comes back when it is worth trying again."""

import random

from imaging.aws.clients import client, ours_to_retry

FIRST_WAIT_SECONDS = 4
LONGEST_WAIT_SECONDS = 900


def wait_seconds(tries: int) -> int:
    """Seconds after the given number of tries: doubling up to a quarter of an hour, with jitter up to as much again."""
    wait = min(FIRST_WAIT_SECONDS * 2.0 ** (tries - 1), LONGEST_WAIT_SECONDS / 2)
    return round(wait * random.uniform(1, 2))


class WorkQueue:
    """The SQS queue a process takes its work from."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    def put_off(self, receipt_handle: str, tries: int) -> None:
        """Let a message that was received `tries` times come back later, the longer the more often it failed."""
        with ours_to_retry("putting off a message"):
            client("sqs").change_message_visibility(
                QueueUrl=self._queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=wait_seconds(tries)
            )
