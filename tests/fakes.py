"""Hand-written stand-ins of our own ports, in memory."""

import hashlib
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.delivery import Delivery
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.ports.ledger import StudyLease
from imaging.ports.objects import Body, CopyOf, ListedVersion, StoredObject

START = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Clock:
    """A clock that goes on a second whenever it is read."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@dataclass(frozen=True)
class Version:
    version_id: str
    body: bytes | None
    """None: a delete marker."""
    metadata: Mapping[str, str]
    content_type: str
    last_modified: datetime

    @property
    def stored(self) -> StoredObject:
        assert self.body is not None
        return StoredObject(
            version_id=self.version_id,
            etag=f'"{hashlib.md5(self.body).hexdigest()}"',
            size_bytes=len(self.body),
            last_modified=self.last_modified,
            metadata=dict(self.metadata),
        )


class InMemoryObjects:
    """`imaging.ports.objects`: versioned buckets with conditional writes.

    Attributes
    ----------
    available
        Set it to False and every call raises `Unavailable`.
    before_put
        Called before each write with its key: the place for somebody else to
        come in between.
    """

    def __init__(self, spaces: Collection[str] = ("main",)) -> None:
        self.available = True
        self.before_put: Callable[[str], None] = lambda object_key: None
        self._buckets: dict[str, defaultdict[str, list[Version]]] = {space: defaultdict(list) for space in spaces}
        self._numbers = count(1)
        self._clock = Clock()
        self._lock = threading.Lock()

    def put_if_absent(
        self, space: str, object_key: str, body: Body, *, metadata: Mapping[str, str], content_type: str
    ) -> str | None:
        self.before_put(object_key)
        with self._lock:
            if self._current(space, object_key):
                return None
            return self._add(space, object_key, self._content(body), metadata, content_type)

    def put_if_unchanged(
        self,
        space: str,
        object_key: str,
        body: Body,
        *,
        etag: str,
        metadata: Mapping[str, str],
        content_type: str,
    ) -> str | None:
        self.before_put(object_key)
        with self._lock:
            current = self._current(space, object_key)
            if current is None or current.stored.etag != etag:
                return None
            return self._add(space, object_key, self._content(body), metadata, content_type)

    def put(self, space: str, object_key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> str:
        """As somebody else would, outside our ports."""
        return self._add(space, object_key, body, metadata or {}, "application/octet-stream")

    def head(self, space: str, object_key: str) -> StoredObject | None:
        current = self._current(space, object_key)
        return current.stored if current else None

    def read(
        self, space: str, object_key: str, *, first: int = 0, last: int | None = None, version_id: str | None = None
    ) -> tuple[StoredObject, bytes] | None:
        found = self._current(space, object_key)
        if version_id:
            versions = self._bucket(space)[object_key]
            found = next((version for version in versions if version.version_id == version_id), None)
        if found is None or found.body is None:
            return None
        return found.stored, found.body[first : None if last is None else last + 1]

    def set_aside(self, space: str, object_key: str, version_id: str, aside_key: str, reason: str) -> None:
        with self._lock:
            versions = self._bucket(space)[object_key]
            for version in [version for version in versions if version.version_id == version_id]:
                assert version.body is not None
                self._add(space, aside_key, version.body, {"reason": reason}, version.content_type)
                versions.remove(version)

    def remove_version(self, space: str, object_key: str, version_id: str) -> None:
        with self._lock:
            versions = self._bucket(space)[object_key]
            versions[:] = [version for version in versions if version.version_id != version_id]

    def delete(self, space: str, object_key: str) -> None:
        with self._lock:
            self._add(space, object_key, None, {}, "")

    def delete_all(self, space: str, object_keys: Sequence[str]) -> None:
        for object_key in object_keys:
            self.delete(space, object_key)

    def studies(self, space: str, after: str = "") -> list[str]:
        uids = {key.split("/")[1] for key in self.keys(space, "studies/")}
        return sorted((uid for uid in uids if f"{uid}/" > f"{after}/"), key=lambda uid: f"{uid}/")

    def all_versions(self, space: str, prefix: str, start_after: str = "") -> Iterator[ListedVersion]:
        for object_key, versions in sorted(self._bucket(space).items()):
            if object_key.startswith(prefix) and object_key > start_after:
                for each in reversed(versions):
                    is_latest = each is versions[-1]
                    size_bytes = len(each.body or b"")
                    yield ListedVersion(
                        object_key, each.version_id, each.body is None, is_latest, each.last_modified, size_bytes
                    )

    def has_versions(self, space: str, prefix: str) -> bool:
        return any(True for _ in self.all_versions(space, prefix))

    def signed_address(self, space: str, object_key: str, version_id: str, content_type: str, seconds: int) -> str:
        return f"https://objects.example/{space}/{object_key}?version={version_id}"

    def keys(self, space: str = "main", prefix: str = "") -> list[str]:
        """What is there now."""
        return sorted(key for key in self._bucket(space) if key.startswith(prefix) and self._current(space, key))

    def versions(self, object_key: str, space: str = "main") -> list[Version]:
        """All of them, oldest first, delete markers included."""
        return list(self._bucket(space)[object_key])

    def _content(self, body: Body) -> bytes:
        if isinstance(body, bytes):
            return body
        if isinstance(body, CopyOf):
            for version in self._bucket(body.space)[body.object_key]:
                if version.version_id == body.version_id and version.body is not None:
                    return body.after + version.body
            raise Unavailable("The source of the copy is gone.")
        body.seek(0)
        return body.read()

    def _bucket(self, space: str) -> defaultdict[str, list[Version]]:
        if not self.available:
            raise Unavailable("The store does not answer.")
        if space not in self._buckets:
            raise Rejected(RejectReason.NO_SUCH_SPACE, "There is no such storage space.")
        return self._buckets[space]

    def _current(self, space: str, object_key: str) -> Version | None:
        versions = self._bucket(space)[object_key]
        return versions[-1] if versions and versions[-1].body is not None else None

    def _add(
        self, space: str, object_key: str, body: bytes | None, metadata: Mapping[str, str], content_type: str
    ) -> str:
        version = Version(f"v{next(self._numbers)}", body, dict(metadata), content_type, self._clock())
        self._bucket(space)[object_key].append(version)
        return version.version_id


class InMemoryLedger:
    """`imaging.ports.ledger`: entries that are compared and swapped, and leases."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, object, int | None], Delivery] = {}
        self._leases: dict[tuple[str, StudyKey], tuple[str, datetime]] = {}
        self._told: dict[tuple[str, StudyKey], int] = {}
        self._lock = threading.Lock()

    def read_instance(self, binding: str, key: InstanceKey) -> Delivery | None:
        return self._entries.get((binding, key, None))

    def read_instances(self, binding: str, study: StudyKey) -> dict[InstanceKey, Delivery]:
        with self._lock:
            return {
                entry.subject: entry
                for (name, subject, _), entry in self._entries.items()
                if name == binding and isinstance(subject, InstanceKey) and subject.study == study
            }

    def read_revisions(self, binding: str, study: StudyKey) -> dict[int, Delivery]:
        with self._lock:
            return {
                entry.number: entry
                for (name, subject, _), entry in self._entries.items()
                if (name, subject) == (binding, study)
            }

    def swap(self, before: Delivery | None, after: Delivery) -> bool:
        place = (after.binding, after.subject, None if isinstance(after.subject, InstanceKey) else after.number)
        with self._lock:
            if self._entries.get(place) != before:
                return False
            self._entries[place] = after
            return True

    def lease(self, binding: str, study: StudyKey, token: str, *, now: datetime, until: datetime) -> StudyLease | None:
        with self._lock:
            _, leased_until = self._leases.get((binding, study), ("", now))
            if now < leased_until:
                return None
            self._leases[binding, study] = token, until
            return StudyLease(binding, study, token, self._told.get((binding, study), 0))

    def release(self, lease: StudyLease, told: int) -> bool:
        place = lease.binding, lease.study
        with self._lock:
            if self._leases.get(place, ("",))[0] != lease.token:
                return False
            del self._leases[place]
            self._told[place] = told
            return True

    def read_deliveries(self, study: StudyKey, *, after: str, offset: int, limit: int) -> tuple[list[Delivery], str]:
        def order(entry: Delivery) -> tuple[object, ...]:
            subject = entry.subject
            uids = (subject.series_instance_uid, subject.sop_instance_uid) if isinstance(subject, InstanceKey) else ()
            return entry.binding, not uids, uids, entry.number

        with self._lock:
            of_study = [
                entry
                for entry in self._entries.values()
                if study == (entry.subject.study if isinstance(entry.subject, InstanceKey) else entry.subject)
            ]
        first = int(after or 0) + offset
        following = str(first + limit) if len(of_study) > first + limit else ""
        return sorted(of_study, key=order)[first : first + limit], following
