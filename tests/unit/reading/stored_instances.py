"""Instances in a store that counts what is read of them."""

import threading

from imaging.dicom.byte_source import BytesSource
from imaging.dicom.outline import read_outline
from imaging.errors import Unavailable
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Action, Arrival, Door, Instance
from imaging.pipeline.keep_pixel_layout import with_pixel_layout
from imaging.ports.objects import StoredObject
from tests.fakes import START, InMemoryObjects


class CountingObjects(InMemoryObjects):
    """Remembers what was read; may fail a number of times."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[tuple[str, int, int]] = []
        self.failures = 0
        self._counting = threading.Lock()

    def read(
        self, space: str, object_key: str, *, first: int = 0, last: int | None = None, version_id: str | None = None
    ) -> tuple[StoredObject, bytes] | None:
        found = self._found(space, object_key, first, last, version_id)
        with self._counting:
            self.reads.append((object_key, first, len(found[1]) if found else 0))
            if self.failures:
                self.failures -= 1
                raise Unavailable("The connection broke.")
        return found

    def _found(
        self, space: str, object_key: str, first: int, last: int | None, version_id: str | None
    ) -> tuple[StoredObject, bytes] | None:
        for version in reversed(self.versions(object_key, space)):
            if version.body is not None and version_id in {None, version.version_id}:
                # without an entity tag, which would be worked out of the whole body each time
                stored = StoredObject(version.version_id, '"1"', len(version.body), START, version.metadata)
                return stored, version.body[first : None if last is None else last + 1]
        return None

    @property
    def bytes_read(self) -> int:
        return sum(size_bytes for _, _, size_bytes in self.reads)


def stored_instance(objects: InMemoryObjects, content: bytes, *, indexed: bool = True) -> Instance:
    """Store a file and make its row; `indexed` False: as an earlier release made it, without a layout."""
    outline = read_outline(BytesSource(content))
    header = outline.header
    key = InstanceKey("main", header.study_instance_uid, header.series_instance_uid, header.sop_instance_uid)
    version_id = objects.put("main", key.object_key, content)
    arrival = Arrival("digest", header.transfer_syntax_uid, Door.STOW_RS, START)
    instance = Instance(key, 1, Action.CREATE, version_id, len(content), arrival, header.sop_class_uid, {})
    return with_pixel_layout(objects, instance, outline) if indexed else instance
