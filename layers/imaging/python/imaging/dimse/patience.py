"""How long one PDU may take, whichever side sends it."""

import time
from collections.abc import Callable

_GRACE_SECONDS = 60.0
_SLOWEST_BYTES_PER_SECOND = 4 * 1024  # half of what an ISDN line of 64 kbit/s carries


class GivenUp(Exception):
    """Nobody wants the rest of the PDU any more."""


class Patience:
    """That for one PDU: a minute and, for its length, what it takes over the slowest of links.

    Bytes that trickle in one by one do not renew it.

    Parameters
    ----------
    given_up
        Whether nobody wants the rest of the PDU any more.
    seconds
        In place of the minute.
    """

    def __init__(self, given_up: Callable[[], bool], seconds: float | None = None) -> None:
        self._given_up = given_up
        self._until = time.monotonic() + (_GRACE_SECONDS if seconds is None else seconds)

    def extend_for(self, size_bytes: int) -> None:
        """Grant the time that so many bytes more may take."""
        self._until += size_bytes / _SLOWEST_BYTES_PER_SECOND

    def check(self) -> None:
        """Return if it is worth to go on.

        Raises
        ------
        GivenUp
            It is of no use any more.
        TimeoutError
            It has taken too long.
        """
        if self._given_up():
            raise GivenUp
        if time.monotonic() > self._until:
            raise TimeoutError
