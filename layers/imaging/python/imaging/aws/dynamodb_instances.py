"""A study's instances as readers see them: without tombstones, and without what was deleted and has rows still."""

import heapq
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import chain, islice
from typing import Any

from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import (
    PARTITIONS_PER_STUDY,
    Row,
    deletions_of,
    instance_of,
    instance_partitions,
    study_row_key,
    timestamp,
    to_item,
)
from imaging.model.deletions import Deletions
from imaging.model.identifiers import StudyKey
from imaging.model.instance import Action, Instance


class VisibleInstances:
    """Walks the partitions of a study's instances side by side, consistently."""

    def __init__(self, table: ManifestTable) -> None:
        self._table = table

    def read(
        self,
        study: StudyKey,
        series_instance_uid: str | None = None,
        *,
        at_a_time: int | None = None,
        after: tuple[str, str] | None = None,
    ) -> Iterator[Instance]:
        """Rows by Series and SOP Instance UID, merged from the partitions as far as the caller goes."""
        with ThreadPoolExecutor(PARTITIONS_PER_STUDY + 1) as pool:
            study_row = pool.submit(self._table.get, study_row_key(study))
            partitions = list(pool.map(_begun, self._partitions(study, series_instance_uid, at_a_time, after=after)))
            deletions = deletions_of(study_row.result() or {})
        if until := deletions.of_all(series_instance_uid):
            partitions = self._partitions(study, series_instance_uid, at_a_time, after=after, stored_after=until)
        for row in heapq.merge(*partitions, key=lambda row: str(row["sk"])):
            instance = instance_of(row)
            if not instance.deleted and not deletions.hides(instance):
                yield instance

    def count(self, study: StudyKey, deletions: Deletions) -> Counter[str]:
        """How many instances each series has, as far as the deletions touch them."""
        whole = deletions.of_all(None)
        series = [None] if whole else sorted(deletions.series)
        partitions = [
            partition
            for uid in series
            for partition in self._partitions(study, uid, None, stored_after=deletions.of_all(uid), **_ONLY_COUNTED)
        ]
        with ThreadPoolExecutor(PARTITIONS_PER_STUDY) as pool:
            counts = pool.map(lambda rows: Counter(_series_of_visible(rows, deletions)), partitions)
            return sum(counts, Counter())

    def _partitions(
        self,
        study: StudyKey,
        series_instance_uid: str | None,
        at_a_time: int | None,
        *,
        after: tuple[str, str] | None = None,
        stored_after: datetime | None = None,
        **query: Any,  # noqa: ANN401 - Query's own arguments
    ) -> list[Iterator[Row]]:
        prefix = f"INSTANCE#{series_instance_uid}#" if series_instance_uid else "INSTANCE#"
        values = {":prefix": prefix}
        if at_a_time:
            query["Limit"] = at_a_time // PARTITIONS_PER_STUDY + 1
        if stored_after:
            query["FilterExpression"] = "stored_at > :stored_after"
            values[":stored_after"] = timestamp(stored_after)
        return [
            self._table.query(
                KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
                ExpressionAttributeValues=to_item({**values, ":pk": partition}),
                ConsistentRead=True,
                **query,
                **_beginning(partition, after),
            )
            for partition in instance_partitions(study)
        ]


_ONLY_COUNTED: dict[str, Any] = {
    "ProjectionExpression": "series_instance_uid, sop_instance_uid, stored_at, #action",
    "ExpressionAttributeNames": {"#action": "action"},
}


def _beginning(partition: str, after: tuple[str, str] | None) -> dict[str, Any]:
    """Where a query begins; the row behind which it does need not be there, nor in this partition."""
    return {"ExclusiveStartKey": to_item({"pk": partition, "sk": f"INSTANCE#{after[0]}#{after[1]}"})} if after else {}


def _begun(rows: Iterator[Row]) -> Iterator[Row]:
    """The same rows, of which the first page has been read."""
    first = list(islice(rows, 1))
    return chain(first, rows)


def _series_of_visible(rows: Iterator[Row], deletions: Deletions) -> Iterator[str]:
    for row in rows:
        uids = row["series_instance_uid"], row["sop_instance_uid"]
        is_deleted = row["action"] == Action.DELETE
        if not is_deleted and not deletions.hides_what_was(*uids, datetime.fromisoformat(row["stored_at"])):
            yield uids[0]
