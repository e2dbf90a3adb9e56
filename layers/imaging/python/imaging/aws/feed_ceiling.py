"""How high a space's numbers may have gone, kept outside the table: whoever loses that goes on above.

The object ``feed/ceiling.json`` of the space's bucket says it: ``{"ceiling":
20000}``. It is never lowered, and is raised before a number above it is given
out, once for each block of them.
"""

import json

from imaging.errors import Unavailable
from imaging.ports.objects import ObjectStore, StoredObject

CEILING_KEY = "feed/ceiling.json"
_ATTEMPTS = 5


class FeedCeiling:
    """Reads and raises the ceilings of the spaces."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def read(self, space: str) -> int:
        """The ceiling; 0 of a space that never told a change."""
        return _ceiling_of(self._objects.read(space, CEILING_KEY))

    def raise_to(self, space: str, ceiling: int) -> None:
        """See that it is at least so high; raises `Unavailable` if that cannot be seen to."""
        for _ in range(_ATTEMPTS):
            found = self._objects.read(space, CEILING_KEY)
            if _ceiling_of(found) >= ceiling or self._put(space, ceiling, found):
                return
        raise Unavailable("The ceiling of the change feed is being raised by many at a time; it is tried again.")

    def _put(self, space: str, ceiling: int, before: tuple[StoredObject, bytes] | None) -> str | None:
        body, content_type = json.dumps({"ceiling": ceiling}).encode(), "application/json"
        if before is None:
            return self._objects.put_if_absent(space, CEILING_KEY, body, metadata={}, content_type=content_type)
        return self._objects.put_if_unchanged(
            space, CEILING_KEY, body, etag=before[0].etag, metadata={}, content_type=content_type
        )


def _ceiling_of(found: tuple[StoredObject, bytes] | None) -> int:
    if found is None:
        return 0
    try:
        return int(json.loads(found[1])["ceiling"])
    except (ValueError, KeyError, TypeError) as error:
        sentence = f"The object {CEILING_KEY} of a space was overwritten; bring back its version before that."
        raise Unavailable(sentence) from error
