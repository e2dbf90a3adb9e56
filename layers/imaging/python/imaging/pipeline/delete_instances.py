"""Delete a study, a series or an instance: at once for who reads, and then by the stages' own way.

1. The keys are what S3 holds now.
2. Each gets a delete marker. From here on any store is a fresh one, and the
   markers' events make tombstones of the rows, which a revision then tells.
3. The rows are hidden until they are tombstones.

Where there are more keys than a request has time for, they are hidden first,
and the finalizer that waits for the study gives them their markers.

Whoever dies in between has answered nothing. Sent again, the request goes on
with what is left, be it objects or rows that can still be seen.
"""

from collections.abc import Callable
from datetime import datetime

from imaging.errors import Rejected, RejectReason
from imaging.model.deletions import scope_of
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.pipeline.index_instance import deletion_of
from imaging.pipeline.large_deletion import LargeDeletions
from imaging.ports.catalogue import StudyContents
from imaging.ports.manifest import InstanceIndex, StudyDeletions
from imaging.ports.objects import ObjectListing, ObjectStore

AT_ONCE = 1_000
"""As many keys as one call of S3 deletes."""


class DeleteInstances:
    """Deletes what a study, a series of it or an instance of that holds now.

    Parameters
    ----------
    at_once
        How many objects are deleted within a request.
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
        at_once: int = AT_ONCE,
    ) -> None:
        self._objects = objects
        self._listing = listing
        self._index = index
        self._contents = contents
        self._deletions = deletions
        self._clock = clock
        self._at_once = at_once
        self._large_deletions = LargeDeletions(objects)

    def __call__(
        self, study: StudyKey, series_instance_uid: str | None = None, sop_instance_uid: str | None = None
    ) -> int:
        """Delete; when this returns, nothing of it is found or read any more. How many objects there were.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE` if there is nothing of it.
        Unavailable
            Something did not answer, and a part may be deleted; sent again, the
            request deletes the rest.
        """
        if series_instance_uid and sop_instance_uid:
            key = InstanceKey(study.space, study.study_instance_uid, series_instance_uid, sop_instance_uid)
            return self._delete_instance(key)
        return self._delete_all(study, series_instance_uid)

    def _delete_instance(self, key: InstanceKey) -> int:
        stored = self._objects.head(key.space, key.object_key)
        until = self._clock()
        if stored and not self._large_deletions.covers(key, stored):
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
        keys = self._keys(study, series_instance_uid)
        until = self._clock()  # not earlier: all that was listed had been taken by then
        under_way = self._large_deletions.under_way(study)  # what it has not come to is for it alone to delete
        is_nothing = (bool(under_way) or not keys) and not self._has_visible(study, series_instance_uid)
        if is_nothing and not keys:
            raise _nothing()
        is_large = bool(under_way) or len(keys) > self._at_once
        scope = scope_of(series_instance_uid, None)
        if is_large:
            self._large_deletions.begin(study, scope, until)
        else:
            self._objects.delete_all(study.space, keys)
        self._deletions.mark(study, scope, until, self._clock(), is_unfinished=is_large)
        if is_nothing:  # for a reader; what was stored and not indexed yet is deleted with the rest
            raise _nothing()
        return len(keys)

    def _keys(self, study: StudyKey, series_instance_uid: str | None) -> list[str]:
        """The keys of instances; the metadata and revisions beside them are history, and stay."""
        below = f"{study.prefix}series/" + (f"{series_instance_uid}/" if series_instance_uid else "")
        return [key for key in self._listing.keys(study.space, below) if _is_instance(study.space, key)]

    def _has_visible(self, study: StudyKey, series_instance_uid: str | None) -> bool:
        return any(True for _ in self._contents.read_instances(study, series_instance_uid, at_a_time=1_000))


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
