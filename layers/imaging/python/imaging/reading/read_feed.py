"""Read the change feed: what happened, and what has become of it since."""

import gzip
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice

from imaging.model.feed import FeedChange, FeedHead
from imaging.model.instance import Action, Instance
from imaging.ports.catalogue import StudyContents
from imaging.ports.feed import FeedSource
from imaging.ports.objects import ObjectStore

MAX_METADATA_BYTES = 2 * 1024 * 1024
"""A page of more than one row holds no more metadata than this, whatever its limit."""

_BULK_DATA_ADDRESS_BYTES = 400  # three UIDs of 64 characters, a space and a base address
_METADATA_AT_A_TIME = 20
_SIDE_BY_SIDE = 8


class ChangeState(StrEnum):
    """What has become of what a change made."""

    CURRENT = "current"
    REPLACED = "replaced"
    """A later change has made another version."""
    DELETED = "deleted"
    """The instance is deleted now."""


@dataclass(frozen=True)
class FeedQuery:
    """Which rows are asked for.

    Attributes
    ----------
    offset
        Those of a higher number.
    start, end
        Told from `start` on and before `end`; None: whenever.
    """

    space: str
    offset: int = 0
    limit: int = 10
    includes_metadata: bool = False
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class FeedRow:
    """A change as a reader sees it.

    Attributes
    ----------
    metadata
        The DICOM JSON of the version that the change made, where it was asked
        for, made one, and the instance is not deleted.
    """

    change: FeedChange
    state: ChangeState
    metadata: bytes | None = None


@dataclass(frozen=True)
class FeedPage:
    """Rows in their order.

    Attributes
    ----------
    next_offset
        Where to go on; None if there is no more now.
    """

    rows: tuple[FeedRow, ...]
    next_offset: int | None


class ReadFeed:
    """Reads pages of a space's feed; a reader that goes on from the last number it saw misses nothing."""

    def __init__(self, source: FeedSource, contents: StudyContents, objects: ObjectStore) -> None:
        self._source = source
        self._contents = contents
        self._objects = objects

    def page(self, query: FeedQuery) -> FeedPage:
        """The rows asked for, as the feed stands now."""
        head = self._source.head(query.space)
        if head is None:
            return FeedPage((), None)
        # Nothing behind the head is looked at: a batch of the next block may be seen before the last one of this.
        after, until = self._bounds(query, head)
        changes = list(islice(self._source.changes(query.space, after, until), query.limit))
        rows = tuple(self._rows(changes, includes_metadata=query.includes_metadata))
        last = rows[-1].change.sequence if rows else until
        return FeedPage(rows, last if last < until else None)

    def latest(self, space: str, *, includes_metadata: bool = False) -> FeedRow | None:
        """The newest row; None if there is none."""
        head = self._source.head(space)
        if head is None or head.last == head.begins_after:
            return None
        changes = list(self._source.changes(space, head.last - 1, head.last))
        return next(self._rows(changes, includes_metadata=includes_metadata))

    def _bounds(self, query: FeedQuery, head: FeedHead) -> tuple[int, int]:
        """Only numbers above the first, up to and with the second, are asked for."""
        after, until = max(query.offset, head.begins_after), head.last
        if query.end:
            until = self._source.last_before(query.space, query.end, head)
        if query.start and after < until:
            after = max(after, self._source.last_before(query.space, query.start, head))
        return after, until

    def _rows(self, changes: Sequence[FeedChange], *, includes_metadata: bool) -> Iterator[FeedRow]:
        present = {
            instance.key: instance
            for instance in self._contents.read_instances_at(list({change.key for change in changes}))
        }
        rows = (FeedRow(change, _state_of(change, present.get(change.key))) for change in changes)
        return self._with_metadata(rows) if includes_metadata else rows

    def _with_metadata(self, rows: Iterable[FeedRow]) -> Iterator[FeedRow]:
        held, is_first, remaining = 0, True, iter(rows)
        while some := list(islice(remaining, _METADATA_AT_A_TIME)):
            made = [row.change for row in some if row.state is not ChangeState.DELETED and _has_made_one(row.change)]
            metadata = self._metadata(made)
            for row in some:
                packed = metadata.get(row.change.sequence)
                found = gzip.decompress(packed) if packed else None
                held += _bytes_sent(found) if found else 0
                if held > MAX_METADATA_BYTES and not is_first:
                    return
                is_first = False
                yield FeedRow(row.change, row.state, found)

    def _metadata(self, changes: Sequence[FeedChange]) -> dict[int, bytes]:
        """The gzipped DICOM JSON of the versions they made, by sequence; what is nowhere any more is left out."""
        kept = self._source.read_metadata(changes)
        spilled = [change for change in changes if change.sequence not in kept]
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            for change, found in zip(spilled, pool.map(self._spilled, spilled), strict=True):
                if found:
                    kept[change.sequence] = found
        return kept

    def _spilled(self, change: FeedChange) -> bytes | None:
        found = self._objects.read(change.key.space, change.key.spilled_metadata_key(change.version_id))
        return found[1] if found else None


def _bytes_sent(metadata: bytes) -> int:
    """What it will take when the addresses of its bulk data are absolute, at most."""
    return len(metadata) + _BULK_DATA_ADDRESS_BYTES * metadata.count(b'"BulkDataURI"')


def _state_of(change: FeedChange, instance: Instance | None) -> ChangeState:
    if instance is None:
        return ChangeState.DELETED
    return ChangeState.CURRENT if instance.change_number == change.change_number else ChangeState.REPLACED


def _has_made_one(change: FeedChange) -> bool:
    return change.action is not Action.DELETE
