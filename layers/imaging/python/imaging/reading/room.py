"""Memory that the answers of a process share."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from imaging.errors import Unavailable

SECONDS_TO_WAIT = 30.0


class Room:
    """So many bytes for all together; who finds too few waits, and gives up after a time.

    Nobody who holds some may ask for more: those who wait for each other would wait in vain.

    Parameters
    ----------
    max_bytes
        Who asks for more has it alone.
    """

    def __init__(self, max_bytes: int, *, seconds_to_wait: float = SECONDS_TO_WAIT) -> None:
        self._max_bytes = max_bytes
        self._seconds_to_wait = seconds_to_wait
        self._held_bytes = 0
        self._freed = threading.Condition()

    @property
    def held_bytes(self) -> int:
        """What is held now, by all together."""
        return self._held_bytes

    @contextmanager
    def held(self, size_bytes: int) -> Iterator[None]:
        """Have so many bytes.

        Raises
        ------
        Unavailable
            There was no room in time.
        """
        size_bytes = min(size_bytes, self._max_bytes)
        with self._freed:
            if not self._freed.wait_for(
                lambda: self._held_bytes + size_bytes <= self._max_bytes, self._seconds_to_wait
            ):
                raise Unavailable("Too many large frames are under way at once; ask again in a moment.")
            self._held_bytes += size_bytes
        try:
            yield
        finally:
            with self._freed:
                self._held_bytes -= size_bytes
                self._freed.notify_all()
