"""The rows of a study as `reconcile` compares them: read with few calls.

Several rows are read by key consistently, the many rows of a partition are not:
what differs is looked at again, consistently, by whoever mends it.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import (
    Row,
    instance_key_of,
    instance_partitions,
    instance_row_key,
    pending_mark,
    series_row_key,
    study_of_row,
    study_partition,
    study_row_key,
    timestamp,
    to_item,
)
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Action
from imaging.model.study import StudyState
from imaging.ports.manifest import PendingKind
from imaging.ports.reconciliation import KnownInstance, KnownStudy

_FEW = 8
"""So many are read one by one, in one call; more of them by a query of each partition."""


class DynamoDbManifestSurvey:
    """`imaging.ports.reconciliation.ManifestSurvey` on the manifest table."""

    def __init__(self, table: ManifestTable) -> None:
        self._table = table

    def read(self, study: StudyKey, listed: Collection[InstanceKey]) -> KnownStudy:
        """All rows of a study; see the port."""
        if 0 < len(listed) <= _FEW:
            known, changes = _known(study, self._table.get_many(_row_keys(study, listed)))
            if known.row and known.row.changes == changes:
                return known  # there are no rows beside these, for each has counted on the study
        return _known(study, self._all_rows(study))[0]

    def studies_of(self, space: str, after: str = "") -> Iterator[tuple[str, StudyKey]]:
        """Studies that have instances, with their positions; see the port."""
        listed_date, _, study_instance_uid = after.partition("/")
        begin = {}
        if after:
            place = {"space": space, "listed_date": listed_date, "study_instance_uid": study_instance_uid}
            begin = {"ExclusiveStartKey": to_item({**study_row_key(StudyKey(space, study_instance_uid)), **place})}
        rows = self._table.query(
            IndexName="by_date",
            KeyConditionExpression="#space = :space",
            ExpressionAttributeNames={"#space": "space"},
            ExpressionAttributeValues=to_item({":space": space}),
            **begin,
        )
        for row in rows:
            yield f"{row['listed_date']}/{row['study_instance_uid']}", StudyKey(space, row["study_instance_uid"])

    def mark_again(self, known: KnownStudy, at: datetime) -> int:
        """Give their marks back to the rows that lost them; how many."""
        marked = 0
        if known.has_lost_mark and known.row:
            marked += self._table.update(
                study_row_key(known.key),
                UpdateExpression="SET #pending = :pending, #pending_since = :since",
                ConditionExpression="#state <> :final AND attribute_not_exists(#pending)",
                ExpressionAttributeNames={f"#{name}": name for name in ("pending", "pending_since", "state")},
                ExpressionAttributeValues=to_item(
                    {
                        ":pending": pending_mark(PendingKind.FINALIZE, known.key),
                        ":since": timestamp(at),
                        ":final": StudyState.FINAL.value,
                    }
                ),
            )
        for instance in known.instances.values():
            if instance.has_lost_mark:
                marked += self._table.update(
                    instance_row_key(instance.key),
                    UpdateExpression="SET pending = :pending, pending_since = :since",
                    ConditionExpression="attribute_exists(untold) AND attribute_not_exists(pending)",
                    ExpressionAttributeValues=to_item(
                        {
                            ":pending": pending_mark(PendingKind.ANNOUNCE_CHANGE, known.key),
                            ":since": timestamp(at),
                        }
                    ),
                )
        return marked

    def _all_rows(self, study: StudyKey) -> Iterator[Row]:
        partitions = [(study_partition(study), "S"), *((each, "INSTANCE#") for each in instance_partitions(study))]
        for partition, prefix in partitions:  # "S" of STUDY and SERIES, not of REVISION
            yield from self._table.query(
                KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
                ExpressionAttributeValues=to_item({":pk": partition, ":prefix": prefix}),
            )


def _row_keys(study: StudyKey, listed: Collection[InstanceKey]) -> list[Row]:
    series = sorted({key.series_instance_uid for key in listed})
    return [
        study_row_key(study),
        *(series_row_key(study, series_instance_uid) for series_instance_uid in series),
        *(instance_row_key(key) for key in listed),
    ]


def _known(study: StudyKey, rows: Iterable[Row]) -> tuple[KnownStudy, int]:
    """What the rows say, and how many changes the instances among them have seen."""
    study_row: Row | None = None
    metadata_keys: set[str] = set()
    instances: dict[InstanceKey, KnownInstance] = {}
    changes = 0
    for row in rows:
        match row["kind"]:
            case "STUDY":
                study_row = row
            case "SERIES":
                metadata_keys.add(row.get("metadata_key", ""))
            case "INSTANCE":
                instance = _known_instance(row)
                instances[instance.key] = instance
                changes += row["change_number"]
    found = study_of_row(study_row) if study_row else None
    has_lost_mark = bool(study_row and found and found.state is not StudyState.FINAL and "pending" not in study_row)
    return KnownStudy(study, found, instances, frozenset(metadata_keys), has_lost_mark), changes


def _known_instance(row: Row) -> KnownInstance:
    is_marked = "pending" in row
    return KnownInstance(
        key=instance_key_of(row),
        change_number=row["change_number"],
        version_id=row["version_id"],
        deleted=row["action"] == Action.DELETE,
        untold_since=datetime.fromisoformat(row["pending_since"]) if is_marked else None,
        has_lost_mark=bool(row.get("untold")) and not is_marked,
    )
