"""Whether a study's rows are what S3 holds, which a revision waits for."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

from imaging.model.instance import Instance
from imaging.model.study import Study
from imaging.pipeline.index_instance import deletion_of
from imaging.pipeline.large_deletion import LargeDeletions
from imaging.ports.manifest import InstanceIndex, StudyDeletions
from imaging.ports.objects import ObjectListing, ObjectStore

_BURIED_AT_A_TIME = 4_000  # a minute's work; the next finalizer goes on
_SIDE_BY_SIDE = 16
_LEASE = timedelta(minutes=5)  # longer than the finalizer's function may run: whoever leased before is gone


class CompareStudy:
    """Compares rows with objects; what is gone it records, for everything else it waits.

    A deletion that was too large for one request goes on here.

    Parameters
    ----------
    side_by_side
        How many objects are looked at a time.
    """

    def __init__(
        self,
        objects: ObjectStore,
        listing: ObjectListing,
        index: InstanceIndex,
        deletions: StudyDeletions,
        clock: Callable[[], datetime],
        *,
        side_by_side: int = _SIDE_BY_SIDE,
    ) -> None:
        self._objects = objects
        self._listing = listing
        self._index = index
        self._deletions = deletions
        self._clock = clock
        self._side_by_side = side_by_side
        self._large_deletions = LargeDeletions(objects)

    def __call__(self, study: Study, rows: Sequence[Instance], *, waits: bool) -> bool:
        """Whether a revision of the rows would be one of what is stored.

        Parameters
        ----------
        rows
            All of the study, read before this call: an object that is missing
            now is gone, and not on its way.
        waits
            False: what is stored and still not indexed holds up nothing any more.

        Raises
        ------
        imaging.errors.Unavailable
            The store or the manifest does not answer.
        """
        stored = {
            key for key in self._listing.keys(study.key.space, f"{study.key.prefix}series/") if key.endswith(".dcm")
        }
        present = [row for row in rows if not row.deleted]
        gone = [row for row in present if row.key.object_key not in stored]
        if gone:
            # The events that tell of it may be late or lost, and an indexer that was slow may have
            # written the row after them. Whoever has changed the row since is left alone.
            self._index.record_changes([deletion_of(row) for row in gone[:_BURIED_AT_A_TIME]], self._clock())
            return False
        hidden = [row for row in present if study.deletions.hides(row)]
        if study.deletions.leased_until and hidden and (self._goes_on_deleting(study, hidden) or waits):
            return False
        indexed = {row.key.object_key for row in present}
        if waits and not (stored <= indexed and all(map(self._speaks_of_current, hidden))):
            return False
        if study.deletions.leased_until:
            self._large_deletions.end(study.key, study.deletions)
        return True

    def _goes_on_deleting(self, study: Study, hidden: Sequence[Instance]) -> bool:
        """Delete objects of which rows still speak; what was stored since is another version, and stays.

        False if there are none: rows of which an indexer has not told the latest yet.

        One at a time: another one that looked at an object before it was
        deleted here, and deletes it after somebody has stored it again, would
        delete what was acknowledged.
        """
        now = self._clock()
        leased, lease = study.deletions.leased_until, now + _LEASE
        if (leased and leased > now) or not self._deletions.lease(study, lease):
            return True
        hidden = hidden[:_BURIED_AT_A_TIME]
        with ThreadPoolExecutor(self._side_by_side) as pool:
            are_current = list(pool.map(self._speaks_of_current, hidden))
        current = [row for row, is_current in zip(hidden, are_current, strict=True) if is_current]
        self._objects.delete_all(study.key.space, [row.key.object_key for row in current])
        self._index.record_changes([deletion_of(row) for row in current], self._clock())
        self._deletions.lease(replace(study, deletions=replace(study.deletions, leased_until=lease)), self._clock())
        return bool(current)

    def _speaks_of_current(self, row: Instance) -> bool:
        """Whether a row that a deletion hides speaks of the object that lies under its key."""
        current = self._objects.head(row.key.space, row.key.object_key)
        return current is not None and current.version_id == row.version_id
