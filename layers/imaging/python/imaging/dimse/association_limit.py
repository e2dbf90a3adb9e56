"""How many associations run at one time, over all processes that take them from one port."""

import fcntl
import mmap
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

_COUNT_BYTES = 4


class AssociationLimit:
    """A count that processes forked after it was made share, and that never passes its bound.

    Each worker counts in a slot of its own, so that what a dead one held can
    be given back.

    Parameters
    ----------
    maximum
        Associations at one time.
    workers
        How many processes count.
    """

    def __init__(self, maximum: int, workers: int = 1) -> None:
        self.maximum = maximum
        self._counts = memoryview(mmap.mmap(-1, workers * _COUNT_BYTES)).cast("i")
        self._worker = 0
        self._thread = threading.Lock()
        self._between_processes = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as this is
        weakref.finalize(self, self._between_processes.close)

    def count_as(self, worker: int) -> None:
        """From now on count in this worker's slot; called behind the fork."""
        self._worker = worker
        self._thread = threading.Lock()

    def enter(self) -> bool:
        """Count one more, unless there are so many already."""
        with self._turn():
            if sum(self._counts) >= self.maximum:
                return False
            self._counts[self._worker] += 1
            return True

    def leave(self) -> None:
        """Count one less."""
        with self._turn():
            self._counts[self._worker] -= 1

    def clear(self, worker: int) -> None:
        """Forget those of a worker that is no more."""
        with self._turn():
            self._counts[worker] = 0

    @property
    def in_flight(self) -> int:
        """How many run now, in all processes."""
        return sum(self._counts)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with self._thread:
            fcntl.lockf(self._between_processes, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._between_processes, fcntl.LOCK_UN)
