"""Lost rows put back, without touching those that are there."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from imaging.aws.dynamodb_table import ConditionsFailed, ManifestTable
from imaging.aws.rows import (
    Row,
    instance_of,
    instance_partitions,
    instance_row,
    instance_row_key,
    metadata_row,
    packed,
    pending_mark,
    revision_row_key,
    series_row_key,
    study_names,
    study_row_key,
    timestamp,
    to_item,
)
from imaging.aws.searchable import Listings, listing_actions, study_search_keys
from imaging.dicom.attributes import series_level, study_level
from imaging.model.identifiers import StudyKey
from imaging.model.instance import DicomJson, Instance
from imaging.model.revision import Revision
from imaging.model.study import StudyState
from imaging.ports.manifest import Change, PendingKind
from imaging.settings import QueryTag

_RESTORED = "restored"


class DynamoDbStudyRestoration:
    """`imaging.ports.manifest.StudyRestoration` on the manifest table."""

    def __init__(self, table: ManifestTable, query_tags: Sequence[QueryTag] = ()) -> None:
        self._table = table
        self._query_tags = query_tags

    def studies_of(self, space: str) -> Iterator[StudyKey]:
        """Studies of the space that have instances."""
        rows = self._table.query(
            IndexName="by_date",
            KeyConditionExpression="#space = :space",
            ExpressionAttributeNames={"#space": "space"},
            ExpressionAttributeValues={":space": {"S": space}},
        )
        return (StudyKey(row["space"], row["study_instance_uid"]) for row in rows)

    def restore(self, revisions: Sequence[Revision], changes: Sequence[Change]) -> None:
        """Put back the rows of a study; the STUDY row comes last, so that a repeat starts over."""
        self._table.put_many(metadata_row(change) for change in changes if change.metadata)
        for change in changes:
            self._restore_instance(change.after)
        for revision in revisions:
            self._table.put_if_absent(_revision_row(revision))
        last = revisions[-1]
        rows = self._instance_rows(last.study)
        for row in _series_rows(last, rows, self._query_tags):
            if not self._table.put_if_absent(row):
                self._recount_series(row)
        if not self._restore_study(last, rows):
            self._reopen(last, rows)

    def _restore_study(self, last: Revision, rows: Sequence[Instance]) -> bool:
        """Put back the STUDY row and how it is listed; False if there is one."""
        row = _study_row(last, rows, self._query_tags)
        put = {"Put": {"Item": to_item(row), "ConditionExpression": "attribute_not_exists(pk)"}}
        try:
            self._table.transact([put, *listing_actions(last.study, "", row["listings"])])
        except ConditionsFailed:
            return False
        return True

    def _restore_instance(self, instance: Instance) -> None:
        """Put the row back; one that an event made meanwhile goes on counting above the lost one's number."""
        if self._table.put_if_absent(instance_row(instance)):
            return
        self._table.update(
            instance_row_key(instance.key),
            UpdateExpression="SET change_number = :next",
            ConditionExpression="change_number <= :lost AND version_id <> :version",
            ExpressionAttributeValues=to_item(
                {
                    ":next": instance.change_number + 1,
                    ":lost": instance.change_number,
                    ":version": instance.version_id,
                }
            ),
        )

    def _instance_rows(self, study: StudyKey) -> list[Instance]:
        return [
            instance_of(row)
            for partition in instance_partitions(study)
            for row in self._table.query(
                KeyConditionExpression="pk = :pk AND begins_with(sk, :instance)",
                ExpressionAttributeValues=to_item({":pk": partition, ":instance": "INSTANCE#"}),
                ConsistentRead=True,
            )
        ]

    def _recount_series(self, row: Row) -> None:
        self._table.update(
            {"pk": row["pk"], "sk": row["sk"]},
            UpdateExpression="SET instances = :instances, changes = :changes",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeValues=to_item({":instances": row["instances"], ":changes": row["changes"]}),
        )

    def _reopen(self, last: Revision, rows: Sequence[Instance]) -> None:
        """An event made the STUDY row meanwhile, knowing no history: the next finalization looks at all of it."""
        present = [row for row in rows if not row.deleted]
        self._table.update(
            study_row_key(last.study),
            UpdateExpression="SET #revision = :revision, #state = :state, #changes = :changes, #series = :series, "
            "#instances = :instances, #pending = :pending, #pending_since = :pending_since",
            ConditionExpression="attribute_not_exists(#revision) OR #revision < :revision",
            ExpressionAttributeNames={
                f"#{name}": name
                for name in ("revision", "state", "changes", "series", "instances", "pending", "pending_since")
            },
            ExpressionAttributeValues=to_item(
                {
                    ":revision": last.number,
                    ":state": StudyState.OPEN.value,
                    ":changes": sum(row.change_number for row in rows),
                    ":series": len({row.key.series_instance_uid for row in present}),
                    ":instances": len(present),
                    ":pending": pending_mark(PendingKind.FINALIZE, last.study),
                    ":pending_since": timestamp(last.created_at),
                }
            ),
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


def _series_rows(last: Revision, rows: Iterable[Instance], query_tags: Sequence[QueryTag]) -> Iterator[Row]:
    of_series = defaultdict(list)
    changes: defaultdict[str, int] = defaultdict(int)
    present: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        changes[row.key.series_instance_uid] += row.change_number
        present[row.key.series_instance_uid] += not row.deleted
        of_series[row.key.series_instance_uid].append(row)
    in_revision = {series.series_instance_uid: series for series in last.series}
    for series_instance_uid, count in changes.items():
        series_row: Row = {
            **series_row_key(last.study, series_instance_uid),
            **study_names(last.study),
            "kind": "SERIES",
            "series_instance_uid": series_instance_uid,
            "changes": count,
            "instances": present[series_instance_uid],
        }
        if series := in_revision.get(series_instance_uid):
            further = series_level(_further(of_series[series_instance_uid], query_tags), query_tags)
            series_row |= {
                "uid": series_instance_uid,
                "attributes": packed({**further, **series.attributes}),
                "metadata_key": series.metadata_key,
                "metadata_changes": count,
            }
        yield series_row


def _further(rows: Iterable[Instance], query_tags: Sequence[QueryTag]) -> DicomJson:
    """What a revision does not know that was made before these were indexed."""
    tags = {tag.tag for tag in query_tags}
    present = [row for row in rows if not row.deleted]
    newest = max(present, key=lambda row: (row.arrival.stored_at, row.key), default=None)
    return {tag: value for tag, value in newest.attributes.items() if tag in tags} if newest else {}


def _study_row(last: Revision, instances: Sequence[Instance], query_tags: Sequence[QueryTag]) -> Row:
    further = study_level(_further(instances, query_tags), query_tags)
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
        "attributes": packed({**further, **last.attributes}),
        "listings": Listings.of_study(last.attributes, last.modalities).recorded if last.series else "",
        **(study_search_keys(last.attributes) if last.series else {}),
    }
