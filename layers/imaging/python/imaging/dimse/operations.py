"""What became of an association's requests of one kind, in little memory however many they were."""

from collections import Counter
from dataclasses import dataclass, field

MAX_LATENCIES = 64
"""Kept of one kind; a metric of CloudWatch's embedded format may have a hundred values."""


@dataclass
class Operations:
    """The requests of one kind.

    Attributes
    ----------
    count
        How many.
    statuses
        How often each was the last one answered; None: there was no answer.
    latencies_seconds
        How long they took: of all of them as long as they are few, else of
        every second one, every fourth, and so on.
    """

    count: int = 0
    statuses: Counter[int | None] = field(default_factory=Counter)
    latencies_seconds: list[float] = field(default_factory=list)
    _stride: int = 1

    def add(self, seconds: float, status: int | None) -> None:
        """Count one more."""
        if self.count % self._stride == 0:
            if len(self.latencies_seconds) == MAX_LATENCIES:
                del self.latencies_seconds[1::2]
                self._stride *= 2
            if self.count % self._stride == 0:
                self.latencies_seconds.append(seconds)
        self.count += 1
        self.statuses[status] += 1
