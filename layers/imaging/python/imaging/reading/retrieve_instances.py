"""Retrieve instances as they were stored, byte for byte."""

import sys
from collections.abc import Generator, Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from imaging.errors import Unavailable
from imaging.model.instance import Instance
from imaging.ports.catalogue import StudyContents
from imaging.ports.objects import ObjectLinks, ObjectStore
from imaging.reading.matching import values_of
from imaging.reading.read_ahead import Fetch, MiB, ReadAhead
from imaging.reading.target import Target

MAX_PIECE_BYTES = 8 * MiB

_ADDRESS_SECONDS = 300  # long enough to be redirected, too short to be passed on
_INSTANCE_NUMBER = "00200013"


@dataclass(frozen=True)
class Extent:
    """Consecutive bytes of one instance, in the object version that its row speaks of.

    Attributes
    ----------
    first
        Counted from 0.
    """

    instance: Instance
    first: int
    size_bytes: int

    def __len__(self) -> int:
        return self.size_bytes

    @classmethod
    def whole(cls, instance: Instance) -> "Extent":
        """All of an instance."""
        return cls(instance, 0, instance.size_bytes)


Part: TypeAlias = bytes | Extent
"""Of a body: what is sent as it stands, or what is fetched when its turn comes."""


class RetrieveInstances:
    """Finds what a target holds, and fetches it."""

    def __init__(
        self, contents: StudyContents, objects: ObjectStore, links: ObjectLinks, read_ahead: ReadAhead | None = None
    ) -> None:
        self._contents = contents
        self._objects = objects
        self._links = links
        self._read_ahead = read_ahead or ReadAhead()

    def over(self, contents: StudyContents) -> "RetrieveInstances":
        """The same, of what `contents` holds."""
        other = copy(self)
        other._contents = contents
        return other

    def find(self, target: Target) -> list[Instance]:
        """The target's instances, series by series, each in the order of its instance numbers.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE` if there are none.
        """
        found = sorted(target.instances(self._contents), key=place_of)
        if not found:
            raise target.not_found()
        return found

    def stream(self, parts: Iterable[Part]) -> Generator[bytes, None, None]:
        """The bytes of a body, in pieces of at most `MAX_PIECE_BYTES`, whatever its size.

        Raises
        ------
        Unavailable
            Part of it cannot be read: the store did not answer, or the version
            is gone. What was given until then is no whole body.
        """
        return self._read_ahead.in_order(self._in_pieces(parts))

    def signed_address(self, instance: Instance, content_type: str) -> str:
        """Where the client can fetch one instance by itself, for a few minutes."""
        return self._links.signed_address(
            instance.key.space, instance.key.object_key, instance.version_id, content_type, _ADDRESS_SECONDS
        )

    def _in_pieces(self, parts: Iterable[Part]) -> Iterator[bytes | Fetch[bytes]]:
        for part in parts:
            if isinstance(part, bytes):
                yield part
                continue
            end = part.first + part.size_bytes
            for first in range(part.first, end, MAX_PIECE_BYTES):
                piece = Extent(part.instance, first, min(MAX_PIECE_BYTES, end - first))
                yield Fetch(piece.size_bytes, partial(self._fetch, piece))

    def _fetch(self, piece: Extent) -> bytes:
        try:
            return self._read(piece)
        except Unavailable:
            # The SDK does not repeat a body that broke off, and what it would cut short here may be gigabytes.
            return self._read(piece)

    def _read(self, piece: Extent) -> bytes:
        instance, first, size_bytes = piece.instance, piece.first, piece.size_bytes
        is_whole = size_bytes == instance.size_bytes  # asked for without a range: only then the SDK compares checksums
        found = self._objects.read(
            instance.key.space,
            instance.key.object_key,
            first=first,
            last=None if is_whole else first + size_bytes - 1,
            version_id=instance.version_id,
        )
        if found is None:
            raise Unavailable("An instance was replaced while it was read; ask again.")
        if len(found[1]) != size_bytes:
            raise Unavailable("The store gave another number of bytes than an instance has; ask again.")
        return found[1]


def place_of(instance: Instance) -> tuple[str, int, str]:
    """Where it stands in its study: series UID, instance number, instance UID; without a number at the series' end."""
    numbers = values_of(instance.attributes, _INSTANCE_NUMBER)
    number = int(numbers[0]) if numbers and numbers[0].lstrip("+-").isdecimal() else sys.maxsize
    return instance.key.series_instance_uid, number, instance.key.sop_instance_uid
