"""Bulk drop: an object under ``incoming/`` takes the way of every other instance."""

from dataclasses import replace

from imaging.dicom.bare_data_set import missing_beginning
from imaging.dicom.byte_source import BytesSource
from imaging.errors import Rejected, RejectReason
from imaging.model.instance import EXPECTED_INSTANCES, Door, expected_instances
from imaging.pipeline.quarantine import quarantine_key
from imaging.pipeline.read_ahead_source import ReadAheadSource
from imaging.pipeline.store_instance import Stored, StoreInstance
from imaging.ports.objects import CopyOf, ObjectStore, StoredObject

INCOMING = "incoming/"

LARGEST_IN_MEMORY_BYTES = 16 * 1024 * 1024
"""A larger object is read by ranges, and S3 copies its bytes to their place."""

LARGEST_BYTES = 30 * 1000**3
"""What can be read twice, to check and to digest it, in the 15 minutes that a function may run at 75 MB a second."""


class StoreDrop:
    """Stores what was dropped, or sets it aside with the reason.

    Every version put under ``incoming/`` has its own event and is dealt with
    by itself, so that two drops under one key do not lose each other.
    """

    def __init__(
        self,
        objects: ObjectStore,
        store: StoreInstance,
        *,
        largest_in_memory_bytes: int = LARGEST_IN_MEMORY_BYTES,
        largest_bytes: int = LARGEST_BYTES,
    ) -> None:
        self._objects = objects
        self._store = store
        self._largest_in_memory_bytes = largest_in_memory_bytes
        self._largest_bytes = largest_bytes

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
        looked_at = self._objects.read(space, object_key, last=self._largest_in_memory_bytes - 1, version_id=version_id)
        if looked_at is None:
            return None
        dropped, beginning = looked_at
        if dropped.size_bytes == 0 and object_key.endswith("/"):
            return None
        try:
            stored = self._take(space, object_key, dropped, beginning)
        except Rejected as rejected:
            aside_key = quarantine_key(object_key.removeprefix(INCOMING))
            self._objects.set_aside(space, object_key, dropped.version_id, aside_key, str(rejected))
            return rejected
        self._objects.remove_version(space, object_key, dropped.version_id)
        return stored

    def _take(self, space: str, object_key: str, dropped: StoredObject, beginning: bytes) -> Stored:
        if dropped.size_bytes > self._largest_bytes:
            gigabytes = self._largest_bytes // 1000**3
            raise Rejected(
                RejectReason.TOO_LARGE,
                f"The object is larger than the {gigabytes} GB that a drop may have; send it by C-STORE.",
            )
        expected = expected_instances(dropped.metadata.get(EXPECTED_INSTANCES, ""))
        if len(beginning) == dropped.size_bytes:
            part10 = missing_beginning(BytesSource(beginning)) + beginning
            return self._store(space, part10, door=Door.BULK_DROP, expected_instances=expected)
        copied = CopyOf(space, object_key, dropped.version_id, dropped.size_bytes)
        with ReadAheadSource(self._objects, copied) as source:
            copied = replace(copied, after=missing_beginning(source))
        return self._store(space, copied, door=Door.BULK_DROP, expected_instances=expected)
