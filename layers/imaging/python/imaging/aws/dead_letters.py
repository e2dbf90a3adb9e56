"""Dead letters in SQS: read and left there, moved back, or removed."""

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from imaging.aws.clients import client, error_code, ours_to_retry
from imaging.aws.held_letters import Message, check_all, held_letters
from imaging.errors import Unavailable
from imaging.model.queues import Queue
from imaging.ports.queues import DeadLetter, Progress, Wanted

_LOOK_AGAIN_SECONDS = 2.0
_NO_SUCH_ACTION = "InvalidAction"


class SqsDeadLetters:
    """`imaging.ports.queues.DeadLetters`.

    Letters that are looked at are held for the while, so that each is seen
    once, and let go in the end. Being received takes no letter any further: a
    dead-letter queue has none behind it.
    """

    def peek(self, queue: Queue, at_most: int) -> list[DeadLetter]:
        """Read letters and leave them there."""
        tries, in_all = _most_tries(queue), _count(queue.dead_letter_queue_url)
        with held_letters(queue.dead_letter_queue_url) as held:
            letters = []
            for batch in held.batches():
                letters += [_letter(message, tries) for message in batch]
                if len(letters) >= min(at_most, in_all):
                    break
        return sorted(letters[:at_most], key=lambda letter: letter.sent_at)

    def redrive(self, queue: Queue, sent_before: datetime | None, progress: Progress) -> int:
        """Move letters back: by SQS itself where it does that and all are wanted, else one by one."""
        if sent_before is None:
            moved = _moved_by_service(queue, progress)
            if moved is not None:
                return moved
        return self._take(
            queue,
            lambda letter: sent_before is None or letter.sent_at < sent_before,
            lambda messages: _send(queue.queue_url, messages),
            progress,
        )

    def remove(self, queue: Queue, wanted: Wanted, progress: Progress) -> int:
        """Remove the letters that are wanted and leave the others."""
        return self._take(queue, wanted, lambda _: None, progress)

    def _take(
        self, queue: Queue, wanted: Wanted, first: Callable[[Sequence[Message]], None], progress: Progress
    ) -> int:
        """Do something with each letter that is wanted, then delete it; what dies in between does it twice."""
        url = queue.dead_letter_queue_url
        in_all = _count(url)
        taken = 0
        with held_letters(url) as held:
            for batch in held.batches():
                chosen = [message for message in batch if wanted(_letter(message, None))]
                if chosen:
                    first(chosen)
                    held.delete(chosen)
                taken += len(chosen)
                progress(taken, max(in_all, taken))
                if held.seen >= in_all:  # what comes back meanwhile has failed again, and is not for this round
                    break
        return taken


def _letter(message: Message, most_tries: int | None) -> DeadLetter:
    system = message["Attributes"]
    # Each look at a letter counts as one more receipt, and its queue's limit is how often it was tried.
    received = int(system["ApproximateReceiveCount"]) - 1
    was_tried = most_tries is not None and "DeadLetterQueueSourceArn" in system
    return DeadLetter(
        body=message["Body"],
        sent_at=datetime.fromtimestamp(int(system["SentTimestamp"]) / 1000, UTC),
        tries=min(received, most_tries) if was_tried and most_tries is not None else None,
        attributes={
            name: value["StringValue"]
            for name, value in message.get("MessageAttributes", {}).items()
            if "StringValue" in value
        },
    )


def _most_tries(queue: Queue) -> int | None:
    if not queue.queue_url:
        return None
    with ours_to_retry("looking at a queue"):
        answer = client("sqs").get_queue_attributes(QueueUrl=queue.queue_url, AttributeNames=["RedrivePolicy"])
    policy = answer.get("Attributes", {}).get("RedrivePolicy")
    return int(json.loads(policy)["maxReceiveCount"]) if policy else None


def _count(queue_url: str) -> int:
    name = "ApproximateNumberOfMessages"
    with ours_to_retry("looking at a queue"):
        answer = client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=[name])
    return int(answer["Attributes"][name])


def _arn(queue_url: str) -> str:
    with ours_to_retry("looking at a queue"):
        answer = client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])


def _moved_by_service(queue: Queue, progress: Progress) -> int | None:
    """Let SQS move all letters, and wait for it; None where the service has no such action.

    The destination is named: letters that were put there at once have no source to go back to.
    """
    source = _arn(queue.dead_letter_queue_url)
    try:
        with ours_to_retry("moving dead letters"):
            client("sqs").start_message_move_task(SourceArn=source, DestinationArn=_arn(queue.queue_url))
    except Unavailable as failure:
        cause = failure.__cause__
        if isinstance(cause, ClientError) and error_code(cause) == _NO_SUCH_ACTION:
            return None
        raise
    while True:
        with ours_to_retry("looking at the moving of dead letters"):
            tasks = client("sqs").list_message_move_tasks(SourceArn=source, MaxResults=1).get("Results", [])
        for task in tasks:
            moved = int(task.get("ApproximateNumberOfMessagesMoved", 0))
            progress(moved, max(int(task.get("ApproximateNumberOfMessagesToMove", 0)), moved))
            if task["Status"] == "COMPLETED":
                return moved
            if task["Status"] not in ("RUNNING", "CANCELLING"):
                raise Unavailable(f"SQS stopped moving dead letters after {moved} ({task['Status']}); redrive again.")
        time.sleep(_LOOK_AGAIN_SECONDS)  # SQS has nothing that waits for the end of a task


def _send(queue_url: str, messages: Sequence[Message]) -> None:
    entries = []
    for place, message in enumerate(messages):
        entry: dict[str, Any] = {"Id": str(place), "MessageBody": message["Body"]}
        if message.get("MessageAttributes"):
            entry["MessageAttributes"] = message["MessageAttributes"]
        entries.append(entry)
    # Ten letters may be more than a request carries, 1 MiB: they go one by one then.
    groups = [entries] if sum(len(entry["MessageBody"]) for entry in entries) < 200_000 else [[one] for one in entries]
    for group in groups:
        with ours_to_retry("sending dead letters again"):
            answer = client("sqs").send_message_batch(QueueUrl=queue_url, Entries=group)
        check_all(answer, "sending dead letters again")
