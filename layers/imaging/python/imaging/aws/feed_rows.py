"""The rows of the change feed.

A space's feed has one HEAD row, and a FEED row for each batch of changes. The
batches of a block of numbers lie in one partition, by the number of their last
change; no batch crosses a block.
"""

from datetime import datetime
from typing import Any
from zlib import crc32

from imaging.aws.rows import PENDING_SHARDS, Row, packed, timestamp, unpacked
from imaging.model.feed import BLOCK, FeedBatch, FeedChange, FeedHead, SpaceTotals
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Action
from imaging.ports.manifest import PendingKind


def head_row_key(space: str) -> Row:
    """The key of the HEAD row."""
    return {"pk": f"FEED#{space}", "sk": "HEAD"}


def feed_partition(space: str, sequence: int) -> str:
    """The partition of the batch that holds the number."""
    return f"FEED#{space}#{block_of(sequence)}"


def block_of(sequence: int) -> int:
    """The block of a number, counted from 0."""
    return (sequence - 1) // BLOCK


def feed_sort_key(last: int) -> str:
    """Numbers as texts that sort as numbers do."""
    return f"{last:012d}"


def feed_row_key(space: str, last: int) -> Row:
    """The key of a FEED row."""
    return {"pk": feed_partition(space, last), "sk": feed_sort_key(last)}


def feed_row(batch: FeedBatch, at: datetime) -> Row:
    """The FEED row, with the mark of a batch that no event has told.

    The mark bears the moment by the writer's own clock: that of the feed may
    be ahead, and no sweeper would look at the batch until then.
    """
    row_key = feed_row_key(batch.space, batch.last)
    return {
        **row_key,
        "kind": "FEED",
        "space": batch.space,
        "first": batch.changes[0].sequence,
        "last": batch.last,
        "time": timestamp(batch.changes[0].told_at),
        "changes": packed({"changes": [_document_of(change) for change in batch.changes]}),
        "pending": feed_mark(crc32(f"{row_key['pk']}/{row_key['sk']}".encode()) % PENDING_SHARDS),
        "pending_since": timestamp(at),
    }


def feed_mark(shard: int) -> str:
    """The mark of a batch that no event has told, spread as all marks are."""
    return f"{PendingKind.ANNOUNCE_FEED.value}#{shard}"


def batch_of_row(row: Row) -> FeedBatch:
    """Read a FEED row."""
    told_at = datetime.fromisoformat(row["time"])
    documents: Any = unpacked(row["changes"])["changes"]
    return FeedBatch(
        row["space"],
        tuple(
            _change_of(row["space"], sequence, told_at, document)
            for sequence, document in enumerate(documents, start=row["first"])
        ),
    )


def head_of_row(row: Row) -> FeedHead:
    """Read a HEAD row; what one batch takes away before another adds it is no total that anyone could see."""
    return FeedHead(
        begins_after=row["begins_after"],
        last=row["last"],
        totals=SpaceTotals(
            **{name: max(0, row.get(name, 0)) for name in ("studies", "series", "instances", "bytes")},
        ),
    )


def _document_of(change: FeedChange) -> dict[str, Any]:
    return {
        "study": change.key.study_instance_uid,
        "series": change.key.series_instance_uid,
        "instance": change.key.sop_instance_uid,
        "n": change.change_number,
        "action": change.action.value,
        "version": change.version_id,
    }


def _change_of(space: str, sequence: int, told_at: datetime, document: dict[str, Any]) -> FeedChange:
    return FeedChange(
        sequence=sequence,
        key=InstanceKey(space, document["study"], document["series"], document["instance"]),
        action=Action(document["action"]),
        change_number=document["n"],
        version_id=document["version"],
        told_at=told_at,
    )
