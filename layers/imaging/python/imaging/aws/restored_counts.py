"""The rows that count a study, put back beside whatever events have made of them meanwhile.

That a series or a study is there again goes into the feed's totals by the very
transaction that says so.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from imaging.aws.dynamodb_table import ConditionsFailed, ManifestTable
from imaging.aws.restored_rows import series_rows, study_row
from imaging.aws.rows import (
    Row,
    instance_of,
    instance_partitions,
    pending_mark,
    study_partition,
    timestamp,
    to_item,
)
from imaging.aws.searchable import listing_actions
from imaging.aws.untold import leave_untold
from imaging.errors import Unavailable
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Instance
from imaging.model.revision import Revision
from imaging.model.study import StudyState
from imaging.ports.manifest import PendingKind
from imaging.settings import QueryTag

_ATTEMPTS = 5


class RestoredCounts:
    """Restores SERIES rows and, last of all, the STUDY row."""

    def __init__(self, table: ManifestTable, query_tags: Sequence[QueryTag] = ()) -> None:
        self._table = table
        self._query_tags = query_tags

    def restore(self, revisions: Sequence[Revision]) -> None:
        """Count what the INSTANCE rows say; raises `Unavailable` while others change the study all the time."""
        for _ in range(_ATTEMPTS):
            with suppress(ConditionsFailed):
                self._restore(revisions)
                return
        raise Unavailable("A study changed too quickly to be restored; it is tried again.")

    def _restore(self, revisions: Sequence[Revision]) -> None:
        last = revisions[-1]
        # First these: what is counted between the two reads is seen to have moved.
        there = {row["sk"]: row for row in self._rows(study_partition(last.study), "S")}  # SERIES and STUDY
        instances = self._instances(last.study)
        for row in series_rows(revisions, instances, self._query_tags):
            of_series = [one for one in instances if one.key.series_instance_uid == row["series_instance_uid"]]
            self._restore_series(row, there.get(row["sk"]), of_series[0].key, last)
        self._restore_study(last, instances, there.get("STUDY"))

    def _restore_series(self, row: Row, there: Row | None, teller: InstanceKey, last: Revision) -> None:
        counts = {name: row[name] for name in ("instances", "changes")}
        if there and counts == {name: there[name] for name in counts}:
            return
        write = _recount(there, counts) if there else _put(row)
        appearing = _appearing(there, row["instances"])
        self._table.transact([write, *_told_by(teller, {"series": appearing}, last)])

    def _restore_study(self, last: Revision, instances: Sequence[Instance], there: Row | None) -> None:
        teller = instances[0].key if instances else None
        if there is None:
            row = study_row(last, instances, self._query_tags)
            told = _told_by(teller, {"studies": _appearing(None, row["instances"])}, last)
            self._table.transact([_put(row), *listing_actions(last.study, "", row["listings"]), *told])
        elif there.get("revision", 0) < last.number:
            # An event made it meanwhile, knowing no history: the next finalization looks at all of it.
            present = [one for one in instances if not one.deleted]
            reopened = {
                "revision": last.number,
                "state": StudyState.OPEN.value,
                "changes": sum(one.change_number for one in instances),
                "series": len({one.key.series_instance_uid for one in present}),
                "instances": len(present),
                "pending": pending_mark(PendingKind.FINALIZE, last.study),
                "pending_since": timestamp(last.created_at),
            }
            told = _told_by(teller, {"studies": _appearing(there, len(present))}, last)
            self._table.transact([_recount(there, reopened), *told])

    def _instances(self, study: StudyKey) -> list[Instance]:
        return [
            instance_of(row) for partition in instance_partitions(study) for row in self._rows(partition, "INSTANCE#")
        ]

    def _rows(self, partition: str, prefix: str) -> list[Row]:
        rows = self._table.query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues=to_item({":pk": partition, ":prefix": prefix}),
            ConsistentRead=True,
        )
        return list(rows)


def _put(row: Row) -> dict[str, Any]:
    return {"Put": {"Item": to_item(row), "ConditionExpression": "attribute_not_exists(pk)"}}


def _recount(there: Row, sets: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Update": {
            "Key": to_item({"pk": there["pk"], "sk": there["sk"]}),
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in sets),
            "ConditionExpression": "#changes = :seen",
            "ExpressionAttributeNames": {f"#{name}": name for name in sets},
            "ExpressionAttributeValues": to_item(
                {":seen": there["changes"], **{f":{name}": value for name, value in sets.items()}}
            ),
        }
    }


def _appearing(there: Row | None, instances: int) -> int:
    """1 if it comes into being, -1 if it ceases."""
    return (instances > 0) - (there is not None and there["instances"] > 0)


def _told_by(teller: InstanceKey | None, adds: Row, last: Revision) -> list[dict[str, Any]]:
    """One of its instances carries to the feed what its totals have to add."""
    return [leave_untold(teller, [adds], last.created_at)] if teller and any(adds.values()) else []
