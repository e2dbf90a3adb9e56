"""The feed read back: block after block, and by time without an index of times."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.feed_rows import batch_of_row, block_of, feed_partition, feed_sort_key, head_of_row, head_row_key
from imaging.aws.rows import Row, metadata_row_key_of, timestamp, to_item
from imaging.model.feed import BLOCK, FeedChange, FeedHead

_BATCHES_AT_A_TIME = 25


class DynamoDbFeedSource:
    """`imaging.ports.feed.FeedSource` on the manifest table."""

    def __init__(self, table: ManifestTable) -> None:
        self._table = table

    def head(self, space: str) -> FeedHead | None:
        """Where the feed ends; None before the first change."""
        row = self._table.get(head_row_key(space))
        return head_of_row(row) if row else None

    def changes(self, space: str, after: int, until: int) -> Iterator[FeedChange]:
        """Those of a higher number than `after`, up to and with `until`; see the port."""
        while after < until:
            end_of_block = (block_of(after + 1) + 1) * BLOCK
            for row in self._batches(space, after, min(until - after, _BATCHES_AT_A_TIME)):
                for change in batch_of_row(row).changes:
                    if after < change.sequence <= until:
                        yield change
                if row["last"] >= until:
                    return
            after = end_of_block

    def last_before(self, space: str, moment: datetime, head: FeedHead) -> int:
        """The highest number that was told before the moment.

        First among the blocks, then among the batches of one: about 27 rows
        of a hundred million changes.
        """
        before = timestamp(moment)
        if head.last == head.begins_after:
            return head.last
        low, high = block_of(head.begins_after + 1), block_of(head.last)
        while low < high:  # the last block that begins before the moment
            middle = (low + high + 1) // 2
            low, high = (
                (middle, high) if self._batch_behind(space, middle * BLOCK)["time"] < before else (low, middle - 1)
            )
        found, end = low * BLOCK, min(head.last, (low + 1) * BLOCK)
        while found < end:  # of its batches
            batch = self._batch_behind(space, (found + end) // 2)
            if batch["time"] < before:
                found = min(batch["last"], end)
            else:
                end = batch["first"] - 1
        return found

    def read_metadata(self, changes: Sequence[FeedChange]) -> dict[int, bytes]:
        """The gzipped DICOM JSON of the versions they made, by sequence, as far as the manifest keeps it."""
        places = {change.sequence: metadata_row_key_of(change.key, change.version_id) for change in changes}
        wanted = {(row_key["pk"], row_key["sk"]): row_key for row_key in places.values()}
        found = {(row["pk"], row["sk"]): row["metadata"] for row in self._table.get_many(wanted.values())}
        return {
            sequence: found[row_key["pk"], row_key["sk"]]
            for sequence, row_key in places.items()
            if (row_key["pk"], row_key["sk"]) in found
        }

    def _batches(self, space: str, after: int, at_a_time: int) -> Iterator[Row]:
        """The batches of one block that end behind a number."""
        return self._table.query(
            KeyConditionExpression="pk = :pk AND sk > :after",
            ExpressionAttributeValues=to_item(
                {":pk": feed_partition(space, after + 1), ":after": feed_sort_key(after)}
            ),
            ConsistentRead=True,
            Limit=at_a_time,
        )

    def _batch_behind(self, space: str, after: int) -> Row:
        """The batch that holds the number behind, which the head has reached."""
        return next(self._batches(space, after, 1))
