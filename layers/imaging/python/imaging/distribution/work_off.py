"""One message of a binding's queue, from its receipt to what becomes of it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from imaging.errors import Unavailable
from imaging.model.delivery import Delivered, Result

DeliverMessage = Callable[[Mapping[str, Any], datetime, datetime], Delivered]


@dataclass(frozen=True)
class ReceivedMessage:
    """A message that nobody else sees until its time is over.

    Attributes
    ----------
    tries
        How often it was received, this time included.
    sent_at
        When it came into the queue.
    """

    body: str
    receipt_handle: str
    tries: int
    sent_at: datetime

    @classmethod
    def of_sqs(cls, body: str, receipt_handle: str, attributes: Mapping[str, str]) -> "ReceivedMessage":
        """Read what SQS says of a message in its system attributes."""
        sent_at = datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, UTC)
        return cls(body, receipt_handle, int(attributes["ApproximateReceiveCount"]), sent_at)


class BindingQueue(Protocol):
    """Where the messages come from; both raise `Unavailable` if the queue does not answer."""

    def put_off(self, receipt_handle: str, tries: int, at_least_seconds: float = 0) -> None:
        """Let a message come back later, the longer the more often it was tried."""

    def give_back(self, receipt_handle: str) -> None:
        """Let a message come back at once."""


@dataclass(frozen=True)
class Handled:
    """What became of a message.

    Attributes
    ----------
    is_done
        Acknowledge it; else it comes back by itself.
    delivered
        None if the target or something else was not available.
    why
        Of what was refused or put off, one sentence.
    """

    is_done: bool
    delivered: Delivered | None
    why: str = ""


class WorkOff:
    """Delivers, and sees to it that what cannot be delivered now comes back."""

    def __init__(self, deliver: DeliverMessage, queue: BindingQueue) -> None:
        self._deliver = deliver
        self._queue = queue

    def __call__(self, received: ReceivedMessage, deadline: datetime) -> Handled:
        """Handle a message.

        Parameters
        ----------
        deadline
            Nothing is begun after it.

        Raises
        ------
        Exception
            What nobody foresaw; the message has been put off.
        """
        message = _read(received.body)
        try:
            delivered = self._deliver(message, received.sent_at, deadline)
        except Unavailable as failure:
            self._queue.put_off(received.receipt_handle, received.tries, failure.wait_seconds)
            return Handled(is_done=False, delivered=None, why=str(failure))
        except Exception:
            self._queue.put_off(received.receipt_handle, received.tries)
            raise
        if delivered.result is Result.UNFINISHED:
            self._queue.give_back(received.receipt_handle)
        return Handled(delivered.result is not Result.UNFINISHED, delivered, delivered.reason)


def _read(body: str) -> Mapping[str, Any]:
    """The message as it was sent; what is no JSON object goes to the dead-letter queue as text in one."""
    try:
        message = json.loads(body)
    except ValueError:
        message = None
    return message if isinstance(message, dict) else {"body": body}
