"""The bytes of a stored instance by ranges, in the object version that its row speaks of."""

from imaging.dicom.byte_source import ByteSource
from imaging.dicom.deflated import InflatedSource
from imaging.errors import Unavailable
from imaging.model.instance import Instance
from imaging.ports.objects import ObjectStore


class InstanceSource:
    """A `imaging.dicom.byte_source.ByteSource`."""

    def __init__(self, objects: ObjectStore, instance: Instance) -> None:
        self._objects = objects
        self._instance = instance

    @property
    def size_bytes(self) -> int:
        """The size of the whole object."""
        return self._instance.size_bytes

    def read_range(self, first: int, last: int) -> bytes:
        """Bytes `first` to `last`, both counted from 0 and both included; fewer at the end.

        Raises
        ------
        Unavailable
            The store did not answer, or the version is gone.
        """
        try:
            return self._read(first, last)
        except Unavailable:
            # The SDK does not repeat a body that broke off, and the answer that needs it may be under way.
            return self._read(first, last)

    def _read(self, first: int, last: int) -> bytes:
        key = self._instance.key
        found = self._objects.read(
            key.space, key.object_key, first=first, last=last, version_id=self._instance.version_id
        )
        if found is None:
            raise Unavailable("An instance was replaced while it was read; ask again.")
        if len(found[1]) != min(last + 1, self.size_bytes) - first:
            raise Unavailable("The store gave another number of bytes than an instance has; ask again.")
        return found[1]


class ForwardSource:
    """The inflated bytes of a deflated data set, in any order: going back begins again at the front."""

    def __init__(self, source: ByteSource, data_set_offset: int) -> None:
        self._source = source
        self._offset = data_set_offset
        self._inflated = InflatedSource(source, data_set_offset)
        self._position = 0

    @property
    def size_bytes(self) -> int:
        """Not known before the end."""
        return self._inflated.size_bytes

    def read_range(self, first: int, last: int) -> bytes:
        """Bytes `first` to `last` of the inflated data set; fewer at the end."""
        if first < self._position:
            self._inflated = InflatedSource(self._source, self._offset)
        found = self._inflated.read_range(first, last)
        self._position = first + len(found)
        return found
