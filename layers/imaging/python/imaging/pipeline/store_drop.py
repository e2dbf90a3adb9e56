"""Bulk drop: an object under ``incoming/`` takes the way of every other instance."""

from imaging.dicom.bare_data_set import missing_beginning
from imaging.dicom.byte_source import BytesSource
from imaging.errors import Rejected, RejectReason
from imaging.model.instance import Door
from imaging.pipeline.store_instance import Stored, StoreInstance
from imaging.ports.objects import ObjectStore, StoredObject

INCOMING = "incoming/"
QUARANTINE = "quarantine/"


class StoreDrop:
    """Stores what was dropped, or sets it aside with the reason.

    Every version put under ``incoming/`` has its own event and is dealt with
    by itself, so that two drops under one key do not lose each other.

    Parameters
    ----------
    max_object_bytes
        What fits into the memory of the process; anything larger is set aside.
    """

    def __init__(self, objects: ObjectStore, store: StoreInstance, *, max_object_bytes: int) -> None:
        self._objects = objects
        self._store = store
        self._max_object_bytes = max_object_bytes

    def __call__(self, space: str, object_key: str, version_id: str | None = None) -> Stored | Rejected | None:
        """Deal with one object.

        Parameters
        ----------
        object_key
            As S3 has it. It may name a patient: it is in no message and no log.
        version_id
            None for the current version.

        Returns
        -------
        Stored, Rejected or None
            What became of it: stored, set aside for that reason, or nothing to
            do, since it was dealt with before or only makes a folder.

        Raises
        ------
        Unavailable
            Nothing was lost; call again.
        """
        if not object_key.startswith(INCOMING):
            return None
        looked_at = self._objects.read(space, object_key, last=0, version_id=version_id)
        if looked_at is None:
            return None
        dropped, _ = looked_at
        if dropped.size_bytes == 0 and object_key.endswith("/"):
            return None
        try:
            stored = self._take(space, object_key, dropped)
        except Rejected as rejected:
            aside_key = QUARANTINE + object_key.removeprefix(INCOMING)
            self._objects.set_aside(space, object_key, dropped.version_id, aside_key, str(rejected))
            return rejected
        if stored:
            self._objects.remove_version(space, object_key, dropped.version_id)
        return stored

    def _take(self, space: str, object_key: str, dropped: StoredObject) -> Stored | None:
        if dropped.size_bytes > self._max_object_bytes:
            megabytes = self._max_object_bytes // 1_000_000
            raise Rejected(
                RejectReason.TOO_LARGE,
                f"The object is larger than the {megabytes} MB that a drop may have; send it by C-STORE.",
            )
        found = self._objects.read(space, object_key, version_id=dropped.version_id)
        if not found:
            return None
        _, body = found
        return self._store(space, missing_beginning(BytesSource(body)) + body, door=Door.BULK_DROP)
