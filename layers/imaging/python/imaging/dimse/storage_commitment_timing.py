"""How long storage commitment waits for what."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Timing:
    """How long things take.

    Attributes
    ----------
    indexing
        An instance that is not found until then after the request is not committed.
    first_look, longest_look
        Between two looks at what is not found, doubling.
    first_retry, longest_retry
        Between two calls to a requester that is away, doubling.
    give_up
        After the request.
    held
        By a process at work on it: longer than a call to a node can take.
    looking
        Between two looks for what nobody holds.
    round_seconds
        Between two rounds through what is held, at the most.
    quiet_seconds
        Of an association, before the result goes out over it.
    not_quiet
        Until a requester is called, if it can be, whose association is never quiet.
    """

    indexing: timedelta = timedelta(minutes=2)
    first_look: timedelta = timedelta(seconds=1)
    longest_look: timedelta = timedelta(seconds=30)
    first_retry: timedelta = timedelta(seconds=30)
    longest_retry: timedelta = timedelta(hours=1)
    give_up: timedelta = timedelta(hours=24)
    held: timedelta = timedelta(minutes=5)
    looking: timedelta = timedelta(seconds=15)
    round_seconds: float = 0.5
    quiet_seconds: float = 1.0
    not_quiet: timedelta = timedelta(seconds=10)


def doubled(first: timedelta, times: int, longest: timedelta) -> timedelta:
    """The first time `first`, each further time twice as long, up to `longest`."""
    return min(first * (1 << min(times - 1, 20)), longest)
