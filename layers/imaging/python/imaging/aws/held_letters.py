"""Messages of a dead-letter queue while somebody looks at them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from imaging.aws.clients import client, ours_to_retry
from imaging.errors import Unavailable

_HELD_SECONDS = 300  # longer than a batch takes; who is interrupted has them back by then
_LOOK_SECONDS = 1  # asks all of SQS's hosts: an empty answer is an empty queue
_A_BATCH = 10

Message = dict[str, Any]


class HeldLetters:
    """Letters that were received and are let go again, unless they were deleted."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url
        self._handles: dict[str, str] = {}
        self.seen = 0

    def batches(self) -> Iterator[list[Message]]:
        """All letters, each once."""
        known: set[str] = set()
        while True:
            with ours_to_retry("reading dead letters"):
                answer = client("sqs").receive_message(
                    QueueUrl=self._queue_url,
                    MaxNumberOfMessages=_A_BATCH,
                    VisibilityTimeout=_HELD_SECONDS,
                    WaitTimeSeconds=_LOOK_SECONDS,
                    MessageSystemAttributeNames=["All"],
                    MessageAttributeNames=["All"],
                )
            messages: list[Message] = answer.get("Messages", [])
            self._handles |= {message["MessageId"]: message["ReceiptHandle"] for message in messages}
            new = [message for message in messages if message["MessageId"] not in known]
            if not new:
                return
            known |= {message["MessageId"] for message in new}
            self.seen += len(new)
            yield new

    def delete(self, messages: Sequence[Message]) -> None:
        """Delete these for good."""
        entries = [
            {"Id": str(place), "ReceiptHandle": message["ReceiptHandle"]} for place, message in enumerate(messages)
        ]
        with ours_to_retry("removing dead letters"):
            answer = client("sqs").delete_message_batch(QueueUrl=self._queue_url, Entries=entries)
        check_all(answer, "removing dead letters")
        for message in messages:
            del self._handles[message["MessageId"]]

    def let_go(self) -> None:
        """Let others see at once what was not deleted."""
        handles = list(self._handles.values())
        for start in range(0, len(handles), _A_BATCH):
            entries = [
                {"Id": str(place), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                for place, handle in enumerate(handles[start : start + _A_BATCH])
            ]
            with ours_to_retry("letting dead letters go"):  # one that is gone meanwhile needs no letting go
                client("sqs").change_message_visibility_batch(QueueUrl=self._queue_url, Entries=entries)


@contextmanager
def held_letters(queue_url: str) -> Iterator[HeldLetters]:
    """Look at the letters of a queue, and let them go in the end, however that comes."""
    held = HeldLetters(queue_url)
    try:
        yield held
    finally:
        held.let_go()


def check_all(answer: Message, what: str) -> None:
    """Raise `Unavailable` if a request for several messages failed for one of them."""
    if failed := answer.get("Failed"):
        raise Unavailable(f"AWS failed {what} ({failed[0]['Code']}); run the command again.")
