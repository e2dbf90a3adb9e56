"""Tell the arrival of drops again: what lies under ``incoming/`` for long has lost its S3 event."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import islice

from imaging.pipeline.store_drop import INCOMING
from imaging.ports.objects import ListedVersion, ObjectListing
from imaging.ports.outside import DropQueue

LEFT_BEHIND = timedelta(minutes=15)
"""A drop that is older should have been taken."""

_AT_MOST = 10_000


class RetellDrops:
    """Puts old drops into the queue of `StoreDrop` once more, which does nothing about what it has dealt with.

    Parameters
    ----------
    at_most
        Versions told by one call. The next one goes on: what is stored has left ``incoming/``.
    """

    def __init__(
        self, listing: ObjectListing, queue: DropQueue, clock: Callable[[], datetime], *, at_most: int = _AT_MOST
    ) -> None:
        self._listing = listing
        self._queue = queue
        self._clock = clock
        self._at_most = at_most

    def __call__(self, space: str, older_than: timedelta) -> int:
        """Tell of every version, of each key, that is at least so old; how many were told.

        Raises
        ------
        Unavailable
            The bucket cannot be listed, or the queue did not take all of it; call again.
        """
        return self._tell(space, lambda age: age >= older_than)

    def when_due(self, space: str, every: timedelta) -> int:
        """The same, to be called again and again: of each version less often the older it is.

        It is told when its age is once, twice, four times... `every`, so that
        what cannot be stored for long fills neither queue nor dead letters, nor
        keeps others from being told.
        """
        return self._tell(space, lambda age: (age // every).bit_count() == 1)

    def _tell(self, space: str, is_due: Callable[[timedelta], bool]) -> int:
        now = self._clock()
        listed: Iterable[ListedVersion] = self._listing.all_versions(space, INCOMING)
        due = (each for each in listed if _is_drop(each) and is_due(now - each.last_modified))
        versions = list(islice(due, self._at_most))
        self._queue.tell(space, versions)
        return len(versions)


def _is_drop(version: ListedVersion) -> bool:
    makes_a_folder = version.size_bytes == 0 and version.object_key.endswith("/")
    return not version.is_delete_marker and not makes_a_folder
