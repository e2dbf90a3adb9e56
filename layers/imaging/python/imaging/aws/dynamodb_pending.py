"""The marks of work left, read from a sparse index and removed one by one."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.feed_rows import batch_of_row, feed_row_key
from imaging.aws.rows import (
    PENDING_SHARDS,
    Row,
    instance_key_of,
    pending_mark,
    revision_of_row,
    revision_row_key,
    study_of,
    study_row_key,
    timestamp,
    to_item,
)
from imaging.model.feed import FeedBatch
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.ports.manifest import CommittedRevision, PendingKind

_REMOVE = "REMOVE pending, pending_since"


class DynamoDbPendingWork:
    """`imaging.ports.manifest.PendingWork` on the manifest table.

    Parameters
    ----------
    publishes_to_fhir
        Whether an announced revision is marked to be published.
    """

    def __init__(self, table: ManifestTable, *, publishes_to_fhir: bool) -> None:
        self._table = table
        self._publishes_to_fhir = publishes_to_fhir

    def open_studies(self, opened_before: datetime) -> Iterator[StudyKey]:
        """Studies without a revision of their latest change."""
        return map(study_of, self._marked(PendingKind.FINALIZE, opened_before))

    def spaces_of_open_studies(self, at_most: int) -> list[str]:
        """The space of each study without a revision of its latest change; no more of the rows is sent."""
        projection = {"ProjectionExpression": "#space", "ExpressionAttributeNames": {"#space": "space"}}
        marked = self._marked(PendingKind.FINALIZE, datetime.max.replace(tzinfo=UTC), **projection)
        return [row["space"] for row in islice(marked, at_most)]

    def unannounced_changes(self, before: datetime) -> Iterator[InstanceKey]:
        """Instances with changes that the feed has not taken."""
        return map(instance_key_of, self._marked(PendingKind.ANNOUNCE_CHANGE, before))

    def unannounced_batches(self, before: datetime) -> Iterator[FeedBatch]:
        """Batches of the feed that no event has told."""
        for marked in self._marked(PendingKind.ANNOUNCE_FEED, before):
            row = self._table.get({"pk": marked["pk"], "sk": marked["sk"]})
            if row and "pending" in row:  # the index may lag behind
                yield batch_of_row(row)

    def unannounced_revisions(self, before: datetime) -> Iterator[CommittedRevision]:
        """Revisions that no event has told."""
        return map(revision_of_row, self._marked(PendingKind.ANNOUNCE_REVISION, before))

    def unpublished_revisions(self, before: datetime) -> Iterator[CommittedRevision]:
        """Revisions that were announced and have not reached FHIR."""
        return map(revision_of_row, self._marked(PendingKind.PUBLISH, before))

    def study_rearmed(self, study: StudyKey, at: datetime) -> None:
        """Let a mark for finalizing wait anew from `at`."""
        self._table.update(
            study_row_key(study),
            UpdateExpression="SET pending_since = :at",
            ConditionExpression="pending = :finalize",
            ExpressionAttributeValues=to_item(
                {":finalize": pending_mark(PendingKind.FINALIZE, study), ":at": timestamp(at)}
            ),
        )

    def batch_announced(self, batch: FeedBatch) -> None:
        """Remove the mark of a batch of the feed."""
        self._table.update(
            feed_row_key(batch.space, batch.last),
            UpdateExpression=_REMOVE,
            ConditionExpression="attribute_exists(pending)",
        )

    def revision_announced(self, revision: CommittedRevision, at: datetime) -> None:
        """Turn the mark into one for publishing where a FHIR server is configured, else remove it.

        A repeat of the announcement must not bring back the mark of a revision
        that has been published meanwhile.
        """
        announce = pending_mark(PendingKind.ANNOUNCE_REVISION, revision.study)
        publish = pending_mark(PendingKind.PUBLISH, revision.study)
        values: Row = {":announce": announce}
        update = _REMOVE
        if self._publishes_to_fhir:
            update = "SET pending = :publish, pending_since = :at"
            values |= {":publish": publish, ":at": timestamp(at)}
        self._table.update(
            revision_row_key(revision.study, revision.number),
            UpdateExpression=update,
            ConditionExpression="pending = :announce",
            ExpressionAttributeValues=to_item(values),
        )

    def revision_announced_again(self, revision: CommittedRevision, at: datetime) -> None:
        """Let a mark for publishing wait anew from `at`."""
        self._table.update(
            revision_row_key(revision.study, revision.number),
            UpdateExpression="SET pending_since = :at",
            ConditionExpression="pending = :publish",
            ExpressionAttributeValues=to_item(
                {":publish": pending_mark(PendingKind.PUBLISH, revision.study), ":at": timestamp(at)}
            ),
        )

    def revision_published(self, study: StudyKey, number: int) -> None:
        """Remove the mark that asks to publish a revision; one that asks to announce it stays.

        Where publishing overtakes the announcement, that leaves a mark which
        the sweep takes up: then there is nothing left to write.
        """
        self._table.update(
            revision_row_key(study, number),
            UpdateExpression=_REMOVE,
            ConditionExpression="pending = :publish",
            ExpressionAttributeValues=to_item({":publish": pending_mark(PendingKind.PUBLISH, study)}),
        )

    def _marked(self, kind: PendingKind, before: datetime, **projection: Any) -> Iterator[Row]:  # noqa: ANN401 - Query's own
        for shard in range(PENDING_SHARDS):
            yield from self._table.query(
                IndexName="pending",
                KeyConditionExpression="pending = :pending AND pending_since < :before",
                ExpressionAttributeValues=to_item({":pending": f"{kind.value}#{shard}", ":before": timestamp(before)}),
                **projection,
            )
