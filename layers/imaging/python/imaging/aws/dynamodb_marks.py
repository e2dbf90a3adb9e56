"""The marks of work left, counted in their sparse index without reading the rows."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import (
    PENDING_SHARDS,
    Row,
    revision_of_row,
    revision_row_key,
    study_of,
    study_of_row,
    study_row_key,
    timestamp,
    to_item,
)
from imaging.model.identifiers import StudyKey
from imaging.model.study import Study
from imaging.ports.manifest import CommittedRevision, PendingKind
from imaging.ports.marks import Tally


class DynamoDbMarks:
    """`imaging.ports.marks.Marks` on the manifest table."""

    def __init__(self, table: ManifestTable) -> None:
        self._table = table

    def tally(self, kind: PendingKind, before: datetime | None = None, at_most: int | None = None) -> Tally:
        """All marks of a kind, or those that have waited since before that moment; see the port."""
        oldest = self.oldest(kind)
        if oldest is None or (before and oldest >= before):
            return Tally(0)
        count = 0
        for shard in range(PENDING_SHARDS):
            left = None if at_most is None else at_most - count
            count += self._table.count(left, **_marked(kind, shard, before))
        return Tally(count, oldest)

    def oldest(self, kind: PendingKind) -> datetime | None:
        """Since when the oldest mark of a kind waits."""
        firsts = (
            next(self._table.query(**_marked(kind, shard, None), Limit=1), None) for shard in range(PENDING_SHARDS)
        )
        return min((datetime.fromisoformat(first["pending_since"]) for first in firsts if first), default=None)

    def open_studies(self, at_most: int) -> list[Study]:
        """Rows of studies that are marked to be finalized."""
        studies = {study_of(row) for row in islice(self._rows(PendingKind.FINALIZE), at_most)}
        return [study_of_row(row) for row in self._table.get_many(map(study_row_key, sorted(studies)))]

    def unpublished_revisions(self, at_most: int) -> list[CommittedRevision]:
        """Revisions that were announced and have not reached FHIR."""
        return [revision_of_row(row) for row in islice(self._rows(PendingKind.PUBLISH), at_most)]

    def mark_of_revision(self, study: StudyKey, number: int) -> PendingKind | None:
        """What a revision waits for; None if it waits for nothing."""
        row = self._table.get(revision_row_key(study, number))
        mark = str(row.get("pending", "")).partition("#")[0] if row else ""
        return PendingKind(mark) if mark else None

    def _rows(self, kind: PendingKind) -> Iterator[Row]:
        for shard in range(PENDING_SHARDS):
            yield from self._table.query(**_marked(kind, shard, None))


def _marked(kind: PendingKind, shard: int, before: datetime | None) -> dict[str, Any]:
    condition, values = "pending = :pending", {":pending": f"{kind.value}#{shard}"}
    if before:
        condition, values = f"{condition} AND pending_since < :before", {**values, ":before": timestamp(before)}
    return {
        "IndexName": "pending",
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": to_item(dict(values)),
    }
