"""The change feed: every change of a space, in one order, each with its number."""

from dataclasses import dataclass
from datetime import datetime

from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Action

BLOCK = 10_000
"""Numbers are given out in blocks: 1 to 10,000, 10,001 to 20,000, and so on."""


@dataclass(frozen=True)
class FeedChange:
    """One row of the feed.

    Attributes
    ----------
    sequence
        Its number in the space's feed, from 1 on, without gaps.
    change_number
        Of the instance; its changes stand in the feed in their order.
    version_id
        The S3 object version that the change made; of a deletion, the last one.
    told_at
        When the feed took it, UTC; never earlier than the one before.
    """

    sequence: int
    key: InstanceKey
    action: Action
    change_number: int
    version_id: str
    told_at: datetime


@dataclass(frozen=True)
class FeedBatch:
    """Changes that the feed took together; at least one."""

    space: str
    changes: tuple[FeedChange, ...]

    @property
    def last(self) -> int:
        """The number of its last change, which names it."""
        return self.changes[-1].sequence


@dataclass(frozen=True)
class SpaceTotals:
    """What a space holds, as of the last change that its feed took."""

    studies: int = 0
    series: int = 0
    instances: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class FeedHead:
    """Where a space's feed ends.

    Attributes
    ----------
    begins_after
        No change of a lower number, nor this one, can be read: a table that was
        lost took them along.
    last
        The highest number; `begins_after` before the first change.
    """

    begins_after: int
    last: int
    totals: SpaceTotals
