"""What was set aside, by its reasons; never by its keys, which may name patients."""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from imaging.ports.objects import ObjectListing, ObjectStore

_PREFIX = "quarantine/"
_SIDE_BY_SIDE = 16
_NO_REASON = "no reason given: it was put there by hand"


@dataclass(frozen=True)
class Quarantined:
    """What lies in one space's quarantine.

    Attributes
    ----------
    reasons
        How many objects have each, of the first `looked_at`.
    newest
        When the last of those was set aside.
    """

    space: str
    objects: int
    looked_at: int
    reasons: Mapping[str, int]
    newest: datetime | None


class ReadQuarantine:
    """Counts all objects, and reads the reasons of the first so many: each is a request of its own."""

    def __init__(self, listing: ObjectListing, objects: ObjectStore) -> None:
        self._listing = listing
        self._objects = objects

    def __call__(self, space: str, looked_at: int) -> Quarantined:
        """Read one space's."""
        keys = [key for key in self._listing.keys(space, _PREFIX) if not key.endswith("/")]
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            found = [each for each in pool.map(lambda key: self._objects.head(space, key), keys[:looked_at]) if each]
        return Quarantined(
            space=space,
            objects=len(keys),
            looked_at=len(found),
            reasons=dict(Counter(each.metadata.get("reason", _NO_REASON) for each in found).most_common()),
            newest=max((each.last_modified for each in found), default=None),
        )
