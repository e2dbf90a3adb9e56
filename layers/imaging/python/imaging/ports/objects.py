"""Objects in the spaces' buckets."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol, TypeAlias


@dataclass(frozen=True)
class StoredObject:
    """What the store says of one object version."""

    version_id: str
    etag: str
    size_bytes: int
    last_modified: datetime
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class CopyOf:
    """One object version of a space, to be put elsewhere without passing through this process.

    Attributes
    ----------
    size_bytes
        Of that version.
    after
        What stands before its bytes in the copy.
    """

    space: str
    object_key: str
    version_id: str
    size_bytes: int
    after: bytes = b""


Body: TypeAlias = bytes | BinaryIO | CopyOf
"""What can be put: bytes, a file from its beginning, or a copy, in the same space or out of another one."""


@dataclass(frozen=True)
class ListedVersion:
    """A version of a key: an object, or the marker that deleted it, which has no bytes."""

    object_key: str
    version_id: str
    is_delete_marker: bool
    is_latest: bool
    last_modified: datetime
    size_bytes: int = 0


class ObjectStore(Protocol):
    """Reads and writes whole objects; every write is durable when it returns.

    All methods raise `imaging.errors.Unavailable` when the store does not
    answer, and `imaging.errors.Rejected` (`NO_SUCH_SPACE`) for a space that is
    not configured.
    """

    def put_if_absent(
        self, space: str, object_key: str, body: Body, *, metadata: Mapping[str, str], content_type: str
    ) -> str | None:
        """Write unless the key is taken; the new version id, or None if it is.

        A file is written from its beginning, a long one without being held in
        memory; so is a copy, of any size and with nothing of its source but the
        bytes. A copy whose source is gone is `Unavailable`.
        """

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
        """Write a further version over the one with `etag`; None if that is no longer the current one."""

    def head(self, space: str, object_key: str) -> StoredObject | None:
        """The current version; None if there is none or it is a delete marker."""

    def read(
        self, space: str, object_key: str, *, first: int = 0, last: int | None = None, version_id: str | None = None
    ) -> tuple[StoredObject, bytes] | None:
        """Bytes `first` to `last` (both counted from 0, both included; None: the end).

        The `StoredObject` has the size of the whole. None if there is no such
        object or version. A range beyond the end gives no bytes.
        """

    def set_aside(self, space: str, object_key: str, version_id: str, aside_key: str, reason: str) -> None:
        """Move one version to `aside_key`, with the metadata `reason`; what was current before it is so again."""

    def remove_version(self, space: str, object_key: str, version_id: str) -> None:
        """Remove one version for good; what was current before it is so again, none to remove is fine."""

    def delete(self, space: str, object_key: str) -> None:
        """Remove the current version, by a delete marker; nothing to remove is fine."""

    def delete_all(self, space: str, object_keys: Sequence[str]) -> None:
        """Remove the current version of each, by delete markers; when it fails, some may be removed."""


class ObjectListing(Protocol):
    """Walks a bucket."""

    def keys(self, space: str, prefix: str) -> Iterable[str]:
        """The keys below `prefix` that have an object now, in their order."""

    def studies(self, space: str, after: str = "") -> Iterable[str]:
        """Study Instance UIDs that have objects now, in the order of the keys, those behind `after`."""

    def all_versions(self, space: str, prefix: str, start_after: str = "") -> Iterator[ListedVersion]:
        """All versions of every key below `prefix`, in the order of the keys, the latest of each first."""

    def has_versions(self, space: str, prefix: str) -> bool:
        """Whether any key below `prefix` has a version, or a delete marker."""


class ObjectLinks(Protocol):
    """Lets a client fetch by itself what is too large to pass through."""

    def signed_address(self, space: str, object_key: str, version_id: str, content_type: str, seconds: int) -> str:
        """An address that serves that one version, with that content type, for so long."""
