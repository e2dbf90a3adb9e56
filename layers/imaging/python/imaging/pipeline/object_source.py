"""An object's bytes by ranges, as `imaging.dicom.header` wants them."""

from imaging.errors import Unavailable
from imaging.model.identifiers import InstanceKey
from imaging.ports.objects import ObjectStore, StoredObject

PREFIX_BYTES = 64 * 1024
"""What is fetched together with an object's metadata; most headers are shorter."""


class ObjectSource:
    """One version of an instance's object; a `imaging.dicom.header.ByteSource`.

    Parameters
    ----------
    prefix
        The object's first bytes, read already.
    """

    def __init__(self, objects: ObjectStore, key: InstanceKey, stored: StoredObject, prefix: bytes) -> None:
        self._objects = objects
        self._key = key
        self._version_id = stored.version_id
        self._prefix = prefix
        self.size_bytes = stored.size_bytes

    def read_range(self, first: int, last: int) -> bytes:
        """Bytes `first` to `last`, both counted from 0 and included.

        Raises
        ------
        Unavailable
            If the version is gone or the store does not answer.
        """
        known = self._prefix[first : last + 1]
        first += len(known)
        if first > min(last, self.size_bytes - 1):
            return known
        found = self._objects.read(
            self._key.space, self._key.object_key, first=first, last=last, version_id=self._version_id
        )
        if found is None:
            raise Unavailable("The object version disappeared while it was read; it is tried again.")
        return known + found[1]
