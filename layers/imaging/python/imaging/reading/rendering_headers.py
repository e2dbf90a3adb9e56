"""What rendering takes of the headers of stored instances, found once for all of their frames."""

from collections.abc import Sequence
from typing import Protocol

from pydicom import Dataset
from pydicom import Sequence as Items

from imaging.dicom.rendering_header import rendering_header
from imaging.errors import Rejected, RejectReason
from imaging.model.instance import Instance
from imaging.reading.recent import Recent

_KEPT_BYTES = 128 * 1024 * 1024
_BYTES_OF_AN_ELEMENT = 1024  # and of the item that it is in, as pydicom has them


class Headers(Protocol):
    """`imaging.reading.instance_header.InstanceHeaders`."""

    def data_set(self, instance: Instance) -> Dataset:
        """The header with all of its values."""


class RenderingHeaders:
    """Copies `imaging.dicom.rendering_header.rendering_header`; what an instance's frames share is kept."""

    def __init__(self, headers: Headers) -> None:
        self._headers = headers
        self._kept: Recent[tuple[str, str, str], Dataset] = Recent(_KEPT_BYTES, _size_of)

    def of(self, instance: Instance, numbers: Sequence[int]) -> Dataset:
        """What it takes to render these frames.

        Raises
        ------
        Rejected
            As `Headers.data_set`; `NOT_ACCEPTABLE` if it is too much to be
            kept, for each picture would have to find it again.
        Unavailable
            It cannot be read.
        """
        name = instance.key.space, instance.key.object_key, instance.version_id
        whole = self._kept.get(name)
        if whole is None:
            whole = rendering_header(self._headers.data_set(instance), None)
            if _size_of(whole) > _KEPT_BYTES:
                raise Rejected(
                    RejectReason.NOT_ACCEPTABLE,
                    "The instance says too much of its frames to make pictures of them; take them as they are stored.",
                )
            self._kept.put(name, whole)
        return rendering_header(whole, numbers)


def _size_of(header: Dataset) -> int:
    size_bytes = 0
    for element in header.values():
        value = element.value
        size_bytes += _BYTES_OF_AN_ELEMENT
        if isinstance(value, Items):
            size_bytes += sum(_size_of(item) for item in value)
        elif isinstance(value, bytes):
            size_bytes += len(value)
    return size_bytes
