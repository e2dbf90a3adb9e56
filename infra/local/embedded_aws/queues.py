"""SQS queues that lose no message while several threads use them, and hand out again what a crash took.

MiniStack removes messages by building a new list and putting it in place of
the old one; a message that another thread appends in between is gone. Here
they are removed from the list that the senders append to.

It also finds a queue by an address that holds the port it was made on; here
that port is always the same, so that AWS_PORT may change between two runs.
"""

import json
import time
from typing import Any

from ministack.services import sqs

PORT_IN_ADDRESSES = "4566"

Queue = dict[str, Any]
Message = dict[str, Any]


def install() -> None:
    """Replace MiniStack's removals, and settle the addresses of queues."""
    sqs.DEFAULT_PORT = PORT_IN_ADDRESSES
    sqs._delete_messages_for_esm = delete_messages
    sqs._dlq_sweep = move_to_dead_letter_queue


def delete_messages(queue_url: str, receipt_handles: set[str]) -> None:
    """Delete what a function has handled."""
    with sqs._queues_lock:
        messages: list[Message] = sqs._get_q(queue_url)["messages"]
        for message in [each for each in messages if each.get("receipt_handle") in receipt_handles]:
            messages.remove(message)


def move_to_dead_letter_queue(queue: Queue) -> None:
    """Move messages that were received as often as the queue's RedrivePolicy allows."""
    policy = json.loads(queue["attributes"].get("RedrivePolicy") or "null")
    dead_letter_queue = sqs._queue_by_arn(policy["deadLetterTargetArn"]) if policy else None
    if dead_letter_queue is None:
        return
    now = time.time()
    messages: list[Message] = queue["messages"]
    for message in list(messages):
        if message["receive_count"] >= int(policy["maxReceiveCount"]) and message["visible_at"] <= now:
            source = {"DeadLetterQueueSourceArn": queue["attributes"].get("QueueArn", "")}
            dead_letter_queue["messages"].append(
                message | {"receipt_handle": None, "visible_at": now, "sys": source | message.get("sys", {})}
            )
            messages.remove(message)
            sqs.esm_wake.set()


def show_again() -> None:
    """Make every message visible: whoever had received it ended with the process that ended."""
    now = time.time()
    for queue in sqs._queues.all_values():
        for message in queue["messages"]:
            if message.get("receive_count"):
                message["visible_at"] = min(message["visible_at"], now)
