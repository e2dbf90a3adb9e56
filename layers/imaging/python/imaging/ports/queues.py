"""Queues of work as an operator sees them: how much waits, and what could not be handled."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from imaging.model.queues import Queue


@dataclass(frozen=True)
class QueueFigures:
    """How much a queue holds.

    Attributes
    ----------
    waiting
        Messages that nobody has taken yet.
    under_way
        Messages in work, or put off after a failure.
    oldest_seconds
        Age of the oldest message; None where no figure of it is kept.
    """

    waiting: int
    under_way: int
    dead_letters: int
    oldest_seconds: int | None = None


@dataclass(frozen=True)
class DeadLetter:
    """A message that could not be handled.

    Attributes
    ----------
    sent_at
        When it was first sent, to the queue it came from.
    tries
        How often it was tried; None if it never was in a queue or was put aside at once.
    attributes
        Of the message, as text.
    """

    body: str
    sent_at: datetime
    tries: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


Wanted = Callable[[DeadLetter], bool]
Progress = Callable[[int, int], None]
"""How many are done, of about how many."""


class QueueGauge(Protocol):
    """What a look at queues costs nothing to say."""

    def figures(self, queues: Sequence[Queue]) -> dict[str, QueueFigures]:
        """The figures of each queue, by its name."""


class DeadLetters(Protocol):
    """What lies in dead-letter queues. All methods raise `Unavailable` when the service does not answer."""

    def peek(self, queue: Queue, at_most: int) -> list[DeadLetter]:
        """Read letters and leave them there, the oldest first as far as the service keeps an order."""

    def redrive(self, queue: Queue, sent_before: datetime | None, progress: Progress) -> int:
        """Move letters back to the queue they are for, to be tried as if they were new; how many.

        Parameters
        ----------
        sent_before
            Only those; None for all that are there now.
        """

    def remove(self, queue: Queue, wanted: Wanted, progress: Progress) -> int:
        """Remove the letters that are wanted and leave the others; how many."""
