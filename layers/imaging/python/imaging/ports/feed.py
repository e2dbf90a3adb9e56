"""The change feed: how changes come into it, and how it is read."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from imaging.model.feed import FeedBatch, FeedChange, FeedHead
from imaging.model.identifiers import InstanceKey


class ChangeFeed(Protocol):
    """What stage 4 writes."""

    def append(self, keys: Iterable[InstanceKey], clock: Callable[[], datetime]) -> Iterator[FeedBatch]:
        """Take all that these instances have not told yet.

        A change is in the feed exactly once, however often and by however many
        it is asked for; those of an instance are there in their order. Each
        batch is durable when it is yielded, and is to be announced by whoever
        it is yielded to.

        Parameters
        ----------
        clock
            Is read for every batch: to append many takes its time.

        Raises
        ------
        Unavailable
            Something does not answer, or too many append at a time; what was
            not taken keeps its mark.
        """


class FeedSource(Protocol):
    """Reads the feed; all reads are consistent."""

    def head(self, space: str) -> FeedHead | None:
        """Where the feed ends; None before the first change."""

    def changes(self, space: str, after: int, until: int) -> Iterator[FeedChange]:
        """Those of a higher number than `after`, up to and with `until`, which the head has reached.

        They are read as the caller goes on.
        """

    def last_before(self, space: str, moment: datetime, head: FeedHead) -> int:
        """The highest number that was told before the moment; `FeedHead.begins_after` if none was."""

    def read_metadata(self, changes: Sequence[FeedChange]) -> dict[int, bytes]:
        """The gzipped DICOM JSON of the versions they made, by sequence, as far as the manifest keeps it."""
