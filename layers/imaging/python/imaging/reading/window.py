"""A part of a list that may be long."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Window:
    """Entries from `offset` on, counted from 0, `limit` of them; None: all that come."""

    offset: int = 0
    limit: int | None = None

    @property
    def end(self) -> int | None:
        """The place behind the last one."""
        return None if self.limit is None else self.offset + self.limit

    def of(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Those of the entries that it shows."""
        return entries[self.offset : self.end]

    def next(self, length: int) -> "Window | None":
        """The window behind this one, in a list of that length; None if it has come to its end."""
        return Window(self.end, self.limit) if self.end is not None and self.end < length else None
