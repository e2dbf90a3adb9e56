"""Lost rows put back, without touching those that are there."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import (
    Row,
    instance_row,
    packed,
    pending_mark,
    revision_row_key,
    series_row_key,
    study_names,
    study_row_key,
    timestamp,
)
from imaging.aws.searchable import study_search_keys
from imaging.model.identifiers import StudyKey
from imaging.model.instance import Instance
from imaging.model.revision import Revision
from imaging.model.study import StudyState
from imaging.ports.manifest import PendingKind

_RESTORED = "restored"


class DynamoDbStudyRestoration:
    """`imaging.ports.manifest.StudyRestoration` on the manifest table."""

    def __init__(self, table: ManifestTable) -> None:
        self._table = table

    def studies_of(self, space: str) -> Iterator[StudyKey]:
        """Studies of the space that have instances."""
        rows = self._table.query(
            IndexName="by_date",
            KeyConditionExpression="#space = :space",
            ExpressionAttributeNames={"#space": "space"},
            ExpressionAttributeValues={":space": {"S": space}},
        )
        return (StudyKey(row["space"], row["study_instance_uid"]) for row in rows)

    def restore(self, revisions: Sequence[Revision], instances: Sequence[Instance]) -> None:
        """Put back the rows of a study; the STUDY row comes last, so that a repeat starts over."""
        for row in (*map(instance_row, instances), *_series_rows(revisions[-1], instances)):
            self._table.put_if_absent(row)
        for revision in revisions:
            self._table.put_if_absent(_revision_row(revision))
        last = revisions[-1]
        if not self._table.put_if_absent(_study_row(last, instances)):
            # An event came in between and opened the study; the next finalization finds what is new.
            self._table.update(
                study_row_key(last.study),
                UpdateExpression="SET revision = :revision",
                ConditionExpression="attribute_not_exists(revision) OR revision < :revision",
                ExpressionAttributeValues={":revision": {"N": str(last.number)}},
            )


def _revision_row(revision: Revision) -> Row:
    return {
        **revision_row_key(revision.study, revision.number),
        **study_names(revision.study),
        "kind": "REVISION",
        "revision": revision.number,
        "created_at": timestamp(revision.created_at),
        "claim": _RESTORED,
        "counts": asdict(revision.counts),
        # Told once more: an event is at least once, and FHIR may have lost it too.
        "pending": pending_mark(PendingKind.ANNOUNCE_REVISION, revision.study),
        "pending_since": timestamp(revision.created_at),
    }


def _series_rows(last: Revision, instances: Iterable[Instance]) -> Iterator[Row]:
    changes: defaultdict[str, int] = defaultdict(int)
    for instance in instances:
        changes[instance.key.series_instance_uid] += instance.change_number
    present = {series.series_instance_uid: series for series in last.series}
    for series_instance_uid, count in changes.items():
        series = present.get(series_instance_uid)
        row: Row = {
            **series_row_key(last.study, series_instance_uid),
            **study_names(last.study),
            "kind": "SERIES",
            "series_instance_uid": series_instance_uid,
            "changes": count,
            "instances": len(series.instances) if series else 0,
        }
        if series:
            row |= {
                "uid": series_instance_uid,
                "attributes": packed(series.attributes),
                "metadata_key": series.metadata_key,
                "metadata_changes": count,
            }
        yield row


def _study_row(last: Revision, instances: Iterable[Instance]) -> Row:
    created_at = timestamp(last.created_at)
    return {
        **study_row_key(last.study),
        **study_names(last.study),
        "kind": "STUDY",
        "state": StudyState.FINAL.value,
        "changes": sum(instance.change_number for instance in instances),
        "opened_at": created_at,
        "last_change_at": created_at,
        "revision": last.number,
        "series": len(last.series),
        "instances": last.instances,
        "modalities": set(last.modalities) or None,
        "attributes": packed(last.attributes),
        **(study_search_keys(last.attributes) if last.series else {}),
    }
