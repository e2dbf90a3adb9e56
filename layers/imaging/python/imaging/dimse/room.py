"""Room for connections: so many at one time, and not all of them for one address."""

import threading
from collections import Counter


class Room:
    """Where connections are while they last; for many threads.

    Parameters
    ----------
    places
        For connections at one time.
    kept_for_others
        Places that one address alone never gets.
    """

    def __init__(self, places: int, kept_for_others: int) -> None:
        self._left = places
        self._for_one_address = places - kept_for_others
        self._taken: Counter[str] = Counter()
        self._turn = threading.Lock()

    def enter(self, address: str) -> bool:
        """Take a place, if there is one for this address."""
        with self._turn:
            if not self._left or self._taken[address] >= self._for_one_address:
                return False
            self._left -= 1
            self._taken[address] += 1
            return True

    def leave(self, address: str) -> None:
        """Give a place back."""
        with self._turn:
            self._left += 1
            self._taken[address] -= 1
            if not self._taken[address]:
                del self._taken[address]
