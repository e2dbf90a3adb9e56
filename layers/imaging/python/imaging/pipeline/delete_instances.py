"""Delete a study, a series or an instance: at once for who reads, and then by the stages' own way.

1. The keys are what S3 holds now.
2. Each gets a delete marker. From here on any store is a fresh one, and the
   markers' events make tombstones of the rows, which a revision then tells.
3. The rows are hidden until they are tombstones.

Whoever dies in between has answered nothing. Sent again, the request goes on
with what is left, be it objects or rows that can still be seen.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.deletions import scope_of
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.pipeline.index_instance import deletion_of
from imaging.ports.catalogue import StudyContents
from imaging.ports.manifest import InstanceIndex, StudyDeletions
from imaging.ports.objects import ObjectListing, ObjectStore

TIME_LIMIT = timedelta(seconds=20)  # of the 28 that the function has: one more batch, and the mark
AT_A_TIME = 2_000  # keys: a second's work of S3


class DeletionUnfinished(Unavailable):
    """There was too much for one request; the message, one sentence for the sender, says how much is done."""


class DeleteInstances:
    """Deletes what a study, a series of it or an instance of that holds now.

    Parameters
    ----------
    time_limit
        After so long no further objects are deleted.
    at_a_time
        How many objects are deleted between two looks at the clock.
    """

    def __init__(
        self,
        objects: ObjectStore,
        listing: ObjectListing,
        index: InstanceIndex,
        contents: StudyContents,
        deletions: StudyDeletions,
        clock: Callable[[], datetime],
        *,
        time_limit: timedelta = TIME_LIMIT,
        at_a_time: int = AT_A_TIME,
    ) -> None:
        self._objects = objects
        self._listing = listing
        self._index = index
        self._contents = contents
        self._deletions = deletions
        self._clock = clock
        self._time_limit = time_limit
        self._at_a_time = at_a_time

    def __call__(
        self, study: StudyKey, series_instance_uid: str | None = None, sop_instance_uid: str | None = None
    ) -> int:
        """Delete; when this returns, nothing of it is found or read any more. How many objects there were.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE` if there is nothing of it.
        DeletionUnfinished
            A part is deleted; sent again, the request deletes the rest.
        Unavailable
            The same, of what did not answer.
        """
        if series_instance_uid and sop_instance_uid:
            key = InstanceKey(study.space, study.study_instance_uid, series_instance_uid, sop_instance_uid)
            return self._delete_instance(key)
        return self._delete_all(study, series_instance_uid)

    def _delete_instance(self, key: InstanceKey) -> int:
        stored = self._objects.head(key.space, key.object_key)
        until = self._clock()
        if stored:
            self._objects.delete(key.space, key.object_key)
            if self._bury(key, stored.version_id):
                return 1
        elif not self._contents.read_instances_at([key]):
            raise _nothing()
        scope = scope_of(key.series_instance_uid, key.sop_instance_uid)
        self._deletions.mark(key.study, scope, until, self._clock())
        return int(stored is not None)

    def _bury(self, key: InstanceKey, version_id: str) -> bool:
        """Make the row a tombstone, if it speaks of the version that was deleted.

        Another one does not say how the last one ended: it may be written over
        by an indexer that read the object before it was deleted.
        """
        row = self._index.read_instance(key)
        if row is None or row.version_id != version_id:
            return False
        return row.deleted or self._index.record_changes([deletion_of(row)], self._clock()) == []

    def _delete_all(self, study: StudyKey, series_instance_uid: str | None) -> int:
        began_at = self._clock()
        keys = self._keys(study, series_instance_uid)
        until = self._clock()  # not earlier: all that was listed had been taken by then
        if not keys and not self._has_visible(study, series_instance_uid):
            raise _nothing()
        for start in range(0, len(keys), self._at_a_time):
            if self._clock() - began_at > self._time_limit:
                raise DeletionUnfinished(
                    f"{start} of {len(keys)} instances are deleted, which is as many as fit into the time of one "
                    "request; send it again for the rest."
                )
            self._objects.delete_all(study.space, keys[start : start + self._at_a_time])
        self._deletions.mark(study, scope_of(series_instance_uid, None), until, self._clock())
        return len(keys)

    def _keys(self, study: StudyKey, series_instance_uid: str | None) -> list[str]:
        """The keys of instances; the metadata and revisions beside them are history, and stay."""
        below = f"{study.prefix}series/" + (f"{series_instance_uid}/" if series_instance_uid else "")
        return [key for key in self._listing.keys(study.space, below) if _is_instance(study.space, key)]

    def _has_visible(self, study: StudyKey, series_instance_uid: str | None) -> bool:
        return any(True for _ in self._contents.read_instances(study, series_instance_uid, at_a_time=1))


def _is_instance(space: str, object_key: str) -> bool:
    try:
        return InstanceKey.of_object(space, object_key) is not None
    except Rejected:  # a key put there by hand; stage 2 sets it aside
        return False


def _nothing() -> Rejected:
    return Rejected(
        RejectReason.NO_SUCH_RESOURCE,
        "There is no such study, series or instance in this storage space, or it is deleted already.",
    )
