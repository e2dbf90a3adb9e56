"""A whole endpoint in memory: the real server and use case, over a dictionary in place of S3."""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime

from imaging.dimse.journal import AssociationRecord, Refusal
from imaging.dimse.server import DimseServer
from imaging.errors import Unavailable
from imaging.pipeline.store_instance import StoreInstance
from imaging.ports.objects import StoredObject
from imaging.settings import OtherBytes, Space

SPACES = {
    name: Space(name, f"bucket-{name}", name.upper(), OtherBytes.REPLACE, "urn:x") for name in ("main", "research")
}
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class ObjectsInMemory:
    """The port `ObjectStore` over a dictionary; it can be held, and it can fail."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], tuple[bytes, Mapping[str, str]]] = {}
        self.open = threading.Event()
        self.open.set()
        self.waiting = threading.Semaphore(0)
        self.failure: Exception | None = None
        self._lock = threading.Lock()

    def put_if_absent(self, space, object_key, body, *, metadata, content_type):
        self.waiting.release()
        if not self.open.wait(30):
            raise Unavailable("The test held the store for too long.")
        if self.failure:
            raise self.failure
        with self._lock:
            if (space, object_key) in self.objects:
                return None
            self.objects[space, object_key] = (body, metadata)
            return "1"

    def put_if_unchanged(self, space, object_key, body, *, etag, metadata, content_type):
        with self._lock:
            self.objects[space, object_key] = (body, metadata)
            return "2"

    def head(self, space, object_key):
        found = self.objects.get((space, object_key))
        return found and StoredObject("1", '"etag"', len(found[0]), EPOCH, found[1])

    def read(self, space, object_key, *, first=0, last=None, version_id=None):
        found = self.objects.get((space, object_key))
        return found and (self.head(space, object_key), found[0][first : None if last is None else last + 1])

    def delete(self, space, object_key):
        self.objects.pop((space, object_key), None)


class JournalInMemory:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.refusals: list[Refusal] = []
        self.associations: list[AssociationRecord] = []
        self._told = threading.Condition()

    def refused(self, association, refusal):
        self.refusals.append(refusal)

    def ended(self, association):
        with self._told:
            self.associations.append(association)
            self._told.notify_all()

    def wait_for(self, count: int) -> list[AssociationRecord]:
        """The associations, when so many have ended."""
        with self._told:
            assert self._told.wait_for(lambda: len(self.associations) >= count, timeout=10)
        return self.associations


class Endpoint:
    """What a test speaks to, and looks into."""

    def __init__(self, *, max_associations: int = 32, max_object_bytes: int = 2**30) -> None:
        self.archive = ObjectsInMemory()
        self.journal = JournalInMemory()
        self.server = DimseServer(
            ("127.0.0.1", 0),
            {space.ae_title: space.name for space in SPACES.values()},
            StoreInstance(self.archive, SPACES, lambda: EPOCH),
            self.journal,
            max_associations=max_associations,
            max_object_bytes=max_object_bytes,
        )
        self.server.start()

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def stored(self) -> dict[tuple[str, str], bytes]:
        """Bytes by space and object key."""
        return {place: body for place, (body, _) in self.archive.objects.items()}

    def stop(self) -> None:
        self.archive.open.set()
        self.server.drain(0)
