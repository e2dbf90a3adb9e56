"""Fetches what a long answer needs next while its client takes what came before, within bounds."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

MiB = 1024 * 1024

SIDE_BY_SIDE = 16
MAX_BYTES_AHEAD = 32 * MiB
MAX_BYTES_AHEAD_IN_ALL = 128 * MiB

Result = TypeVar("Result")


@dataclass(frozen=True)
class Fetch(Generic[Result]):
    """Something to fetch.

    Attributes
    ----------
    size_bytes
        What it will hold of memory once it is there.
    """

    size_bytes: int
    call: Callable[[], Result]


@dataclass(frozen=True)
class _Underway(Generic[Result]):
    size_bytes: int
    future: Future[Result]


class ReadAhead:
    """Runs fetches side by side and gives their results in order.

    Its threads and the bytes read ahead are shared by all answers of a process,
    so that many slow clients do not add up. Whatever the others hold, each
    answer has one fetch under way and goes on.

    Parameters
    ----------
    max_bytes
        How far one answer reads ahead, beside what it has just handed out.
    max_bytes_in_all
        The same for all answers together; only the first fetch of an answer goes beyond it.
    """

    def __init__(
        self,
        *,
        side_by_side: int = SIDE_BY_SIDE,
        max_bytes: int = MAX_BYTES_AHEAD,
        max_bytes_in_all: int = MAX_BYTES_AHEAD_IN_ALL,
    ) -> None:
        self._side_by_side = side_by_side
        self._max_bytes = max_bytes
        self._max_bytes_in_all = max_bytes_in_all
        self._pool = ThreadPoolExecutor(side_by_side, thread_name_prefix="read-ahead")
        self._bytes_in_all = 0
        self._lock = threading.Lock()

    @property
    def bytes_ahead(self) -> int:
        """What is under way or waiting to be taken, in all answers together."""
        return self._bytes_in_all

    def in_order(self, parts: Iterable[Result | Fetch[Result]]) -> Generator[Result, None, None]:
        """Give each part, fetched if it has to be; `parts` is gone through as the caller goes on.

        Closing it starts no further fetch. One that is under way ends by
        itself, and nobody waits for it.

        Raises
        ------
        Exception
            What a fetch raised, in its turn; nothing comes after it.
        """
        ahead: deque[Result | _Underway[Result]] = deque()
        try:
            for part in parts:
                while ahead and not self._has_room(ahead, part):
                    yield self._taken(ahead.popleft())
                ahead.append(self._begun(part) if isinstance(part, Fetch) else part)
            while ahead:
                yield self._taken(ahead.popleft())
        finally:
            for left in ahead:
                self._leave(left)

    def _has_room(self, ahead: deque[Result | _Underway[Result]], part: Result | Fetch[Result]) -> bool:
        underway = [one for one in ahead if isinstance(one, _Underway)]
        if not isinstance(part, Fetch):
            return len(ahead) < 4 * self._side_by_side
        if not underway:
            return True
        held = sum(one.size_bytes for one in underway)
        return (
            len(underway) < self._side_by_side
            and held + part.size_bytes <= self._max_bytes
            and self._bytes_in_all + part.size_bytes <= self._max_bytes_in_all
        )

    def _begun(self, fetch: Fetch[Result]) -> _Underway[Result]:
        self._hold(fetch.size_bytes)
        return _Underway(fetch.size_bytes, self._pool.submit(fetch.call))

    def _taken(self, one: Result | _Underway[Result]) -> Result:
        if not isinstance(one, _Underway):
            return one
        try:
            return one.future.result()
        finally:
            self._hold(-one.size_bytes)

    def _leave(self, one: Result | _Underway[Result]) -> None:
        if isinstance(one, _Underway):
            one.future.cancel()
            one.future.add_done_callback(lambda _: self._hold(-one.size_bytes))

    def _hold(self, size_bytes: int) -> None:
        with self._lock:
            self._bytes_in_all += size_bytes
