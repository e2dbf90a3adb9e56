"""Lost rows put back, without touching those that are there."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from imaging.aws.dynamodb_table import ConditionsFailed, ManifestTable
from imaging.aws.restored_counts import RestoredCounts
from imaging.aws.rows import Row, instance_of, instance_row, instance_row_key, metadata_row, revision_row, to_item
from imaging.aws.untold import SET_UNTOLD, entries_of, restored, untold_marks, untold_names, untold_values
from imaging.errors import Unavailable
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

    def restore_metadata(self, versions: Sequence[Change]) -> None:
        """Put back the METADATA rows of versions of instances."""
        self._table.put_many(metadata_row(version) for version in versions if version.metadata)

    def restore_instances(self, instances: Sequence[Instance]) -> None:
        """Put back INSTANCE rows; a repeat finds them there."""
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            list(pool.map(self._restore_instance, instances))

    def restore_study(self, revisions: Sequence[Revision]) -> None:
        """Put back the other rows; the STUDY row comes last, so that until then a repeat starts over."""
        for revision in revisions:
            # Told once more: an event is at least once, and FHIR may have lost it too.
            self._table.put_if_absent(revision_row(revision, _RESTORED))
        self._counts.restore(revisions)

    def _restore_instance(self, instance: Instance) -> None:
        """Put the row back, over one that knows less; one that knows what came later counts on from the lost one.

        An event may have made a row meanwhile, and a table that was recovered
        as of an earlier moment has rows of that. The feed is told what is
        there: it begins anew with the table.
        """
        marks = {} if instance.deleted else untold_marks(instance.key, [restored(instance)], instance.arrival.stored_at)
        if self._table.put_if_absent({**instance_row(instance), **marks}):
            return
        for _ in range(_ATTEMPTS):
            there = self._table.get(instance_row_key(instance.key))
            if there is None or _stands_for(there, instance):
                return
            if (self._overwrite if _is_older(there, instance) else self._count_on)(instance, there):
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

    def _overwrite(self, instance: Instance, there: Row) -> bool:
        """Put the lost row in the place of one that is older, and tell the difference; False if that moved on."""
        untold = there.get("untold", [])
        entries = [*untold, *entries_of(Change(instance_of(there), instance, None))]
        row = {**instance_row(instance), **untold_marks(instance.key, entries, instance.arrival.stored_at)}
        condition = "change_number = :seen_number AND version_id = :seen_version AND "
        values = {":seen_number": there["change_number"], ":seen_version": there["version_id"]}
        if untold:
            condition, values = condition + "untold = :seen_untold", {**values, ":seen_untold": untold}
        else:
            condition += "attribute_not_exists(untold)"
        put = {
            "Item": to_item(row),
            "ConditionExpression": condition,
            "ExpressionAttributeValues": to_item(values),
        }
        try:
            self._table.transact([{"Put": put}])
        except ConditionsFailed:
            return False
        return True


def _stands_for(there: Row, instance: Instance) -> bool:
    """Whether the row is as far as the lost one was."""
    if there["change_number"] == instance.change_number:
        return bool(there["version_id"] == instance.version_id)
    return bool(there["change_number"] > instance.change_number)


def _is_older(there: Row, instance: Instance) -> bool:
    """Whether the row tells nothing that happened after the last revision.

    Where clocks of doors differ it may be taken for older or later than it is;
    whoever compares rows and objects mends that.
    """
    if there["change_number"] == instance.change_number:
        return False
    if there["version_id"] == instance.version_id:
        return instance.deleted or not instance_of(there).deleted
    return datetime.fromisoformat(there["stored_at"]) < instance.arrival.stored_at
