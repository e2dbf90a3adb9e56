"""Lost rows put back, without touching those that are there."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.restored_counts import RestoredCounts
from imaging.aws.rows import Row, instance_row, instance_row_key, metadata_row, revision_row, to_item
from imaging.aws.untold import SET_UNTOLD, restored, untold_marks, untold_names, untold_values
from imaging.errors import Unavailable
from imaging.model.identifiers import StudyKey
from imaging.model.instance import Instance
from imaging.model.revision import Revision
from imaging.ports.manifest import Change
from imaging.settings import QueryTag

_RESTORED = "restored"
_SIDE_BY_SIDE = 4
_ATTEMPTS = 5


class DynamoDbStudyRestoration:
    """`imaging.ports.manifest.StudyRestoration` on the manifest table."""

    def __init__(self, table: ManifestTable, query_tags: Sequence[QueryTag] = ()) -> None:
        self._table = table
        self._counts = RestoredCounts(table, query_tags)

    def studies_of(self, space: str) -> Iterator[StudyKey]:
        """Studies of the space that have instances."""
        rows = self._table.query(
            IndexName="by_date",
            KeyConditionExpression="#space = :space",
            ExpressionAttributeNames={"#space": "space"},
            ExpressionAttributeValues={":space": {"S": space}},
        )
        return (StudyKey(row["space"], row["study_instance_uid"]) for row in rows)

    def restore(self, revisions: Sequence[Revision], changes: Sequence[Change], earlier: Sequence[Change] = ()) -> None:
        """Put back the rows of a study; the STUDY row comes last, so that a repeat starts over."""
        self._table.put_many(metadata_row(change) for change in [*earlier, *changes] if change.metadata)
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            list(pool.map(self._restore_instance, [change.after for change in changes]))
        for revision in revisions:
            # Told once more: an event is at least once, and FHIR may have lost it too.
            self._table.put_if_absent(revision_row(revision, _RESTORED))
        self._counts.restore(revisions)

    def _restore_instance(self, instance: Instance) -> None:
        """Put the row back; one that an event made meanwhile goes on counting above the lost one's number.

        The feed is told what is there: it begins anew with the table.
        """
        marks = {} if instance.deleted else untold_marks(instance.key, [restored(instance)], instance.arrival.stored_at)
        if self._table.put_if_absent({**instance_row(instance), **marks}):
            return
        for _ in range(_ATTEMPTS):
            there = self._table.get(instance_row_key(instance.key))
            if there is None or not _knows_less(there, instance):
                return
            if self._count_on(instance, there):
                return
        raise Unavailable("An instance changed too quickly to be restored; it is tried again.")

    def _count_on(self, instance: Instance, there: Row) -> bool:
        """Give the row the number behind that of the lost one, which is told as a change; False if it moved on."""
        following = instance.change_number + 1
        untold = {"n": following, "action": there["action"], "version": there["version_id"]}
        return self._table.update(
            instance_row_key(instance.key),
            UpdateExpression=f"SET change_number = :next, {SET_UNTOLD}",
            ConditionExpression="change_number = :seen_number AND version_id = :seen_version",
            ExpressionAttributeNames=untold_names(),
            ExpressionAttributeValues=to_item(
                {
                    ":next": following,
                    ":seen_number": there["change_number"],
                    ":seen_version": there["version_id"],
                    **untold_values(instance.key, [untold], instance.arrival.stored_at),
                }
            ),
        )


def _knows_less(there: Row, instance: Instance) -> bool:
    return bool(there["change_number"] <= instance.change_number and there["version_id"] != instance.version_id)
