"""Whether a study's rows are what S3 holds, which a revision waits for."""

from collections.abc import Callable, Sequence
from datetime import datetime

from imaging.model.instance import Instance
from imaging.model.study import Study
from imaging.pipeline.index_instance import deletion_of
from imaging.ports.manifest import InstanceIndex
from imaging.ports.objects import ObjectListing, ObjectStore

_BURIED_AT_A_TIME = 4_000  # a minute's work; the next finalizer goes on


class CompareStudy:
    """Compares rows with objects; what is gone it records, for everything else it waits."""

    def __init__(
        self, objects: ObjectStore, listing: ObjectListing, index: InstanceIndex, clock: Callable[[], datetime]
    ) -> None:
        self._objects = objects
        self._listing = listing
        self._index = index
        self._clock = clock

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
        if not waits:
            return True
        indexed = {row.key.object_key for row in present}
        return stored <= indexed and not any(self._is_outdated(row) for row in present if study.deletions.hides(row))

    def _is_outdated(self, row: Instance) -> bool:
        """Whether a row that a deletion hides, and whose key has an object, speaks of an earlier one."""
        current = self._objects.head(row.key.space, row.key.object_key)
        return current is None or current.version_id != row.version_id
