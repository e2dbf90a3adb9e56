"""What a store costs in AWS calls: counted from what the embedded AWS recorded, not estimated."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple


class Caller(NamedTuple):
    """A process of ours, or the bench itself for the floor, and what it called."""

    process: str
    service: str


@dataclass
class CountedCalls:
    """Calls and bytes of one row, over all its rounds."""

    instances: int = 0
    calls: Counter[Caller] = field(default_factory=Counter)
    sent_bytes: Counter[Caller] = field(default_factory=Counter)
    received_bytes: Counter[Caller] = field(default_factory=Counter)

    def add(self, recorded: Iterable[str], instances: int) -> None:
        """Count recorded calls as the cost of storing so many instances."""
        self.instances += instances
        for line in recorded:
            call = json.loads(line)
            caller = Caller(call["process"], call["service"])
            self.calls[caller] += 1
            self.sent_bytes[caller] += call["sent_bytes"]
            self.received_bytes[caller] += call["received_bytes"]


@contextmanager
def counting(recorded: Path | None) -> Iterator[list[str]]:
    """Collect the calls that are recorded meanwhile."""
    lines: list[str] = []
    before = recorded.stat().st_size if recorded else 0
    yield lines
    if recorded:
        with recorded.open() as calls:
            calls.seek(before)
            lines += calls
