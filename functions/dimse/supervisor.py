"""The process that others are forked from: it starts them, starts them again, and ends them."""

import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol

from functions.dimse.signals import Signals

UNUSABLE_SETTINGS = 78
"""The exit code of a worker that would end the same way again; EX_CONFIG of sysexits.h."""

_KILL_SECONDS = 8.0  # what a worker has beyond the time in which associations may end
_LONGEST_PAUSE_SECONDS = 30.0
_MAX_FAILED_STARTS = 5
"""After so many in a row, while none serves, the task ends: whoever started it sees that, and nobody else."""

Work = Callable[[int, int, Callable[[], object]], int]
"""What a worker does: its place, a file that has an end when the supervisor has ended, and what it calls when it
serves; to its exit code.
"""


class Watching(Protocol):
    """Hears of what happens to the workers, in the supervisor."""

    def serving(self) -> None:
        """The first worker serves."""

    def gone(self, place: int) -> None:
        """A worker is no more."""

    def died(self, code: int) -> None:
        """It ended unasked: by itself or, where the code is negative, by a signal."""

    def minute_passed(self) -> None:
        """Another minute has."""

    def failed(self, failure: Exception) -> None:
        """`died` or `minute_passed` raised it; the workers go on."""

    def stopping(self) -> None:
        """The workers are about to be asked to end."""


class Supervisor:
    """Keeps as many workers running as there are places.

    Parameters
    ----------
    stop_seconds
        In which a worker that was asked to end may let its associations end.
    """

    def __init__(
        self,
        places: int,
        work: Work,
        watching: Watching,
        *,
        stop_seconds: float,
        tell_seconds: float,
    ) -> None:
        self._work = work
        self._watching = watching
        self._stop_seconds = stop_seconds
        self._tell_seconds = tell_seconds
        self._signals = Signals(signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
        self._lifeline, self._held = os.pipe()
        self._told, self._tells = os.pipe()  # a worker that serves writes its place
        os.set_blocking(self._told, False)
        self._places: dict[int, int] = {}  # by process ID
        self._serving: set[int] = set()  # places
        self._has_served = False
        self._failed_starts = 0  # since a worker came to serve
        self._pause_seconds = dict.fromkeys(range(places), 0.0)
        self._due = dict.fromkeys(range(places), 0.0)  # places to fill, and from when on

    def run(self) -> int:
        """Go on until a signal asks for the end; return the exit code."""
        gc.freeze()  # what is shared with the workers stays so
        tell_at = time.monotonic() + self._tell_seconds
        while True:
            self._fill_places()
            wait_seconds = max(0, min([tell_at, *self._due.values()]) - time.monotonic())
            came = self._signals.wait(wait_seconds, [self._told])
            if came & {signal.SIGTERM, signal.SIGINT}:
                return self._end()
            ended = self._ended()
            self._note_who_serves()  # behind that: who has ended may have said so just before
            for place, code in ended:
                if code == UNUSABLE_SETTINGS:
                    self._end()
                    return 1
                self._say(partial(self._watching.died, code))
                if code == 0:  # somebody asked it to end, and it listens for all
                    self._end()
                    return 1
                self._leave_open(place)
            if self._failed_starts >= _MAX_FAILED_STARTS and not self._serving:
                self._end()
                return 1
            if time.monotonic() >= tell_at:
                tell_at += self._tell_seconds
                self._say(self._watching.minute_passed)

    def _say(self, say: Callable[[], None]) -> None:
        try:
            say()
        except Exception as failure:  # associations are worth more than a line about them
            self._watching.failed(failure)

    def _fill_places(self) -> None:
        for place in [place for place, due in self._due.items() if time.monotonic() >= due]:
            del self._due[place]
            self._places[self._fork(place)] = place

    def _fork(self, place: int) -> int:
        ours = (signal.SIGTERM, signal.SIGINT)
        signal.pthread_sigmask(signal.SIG_BLOCK, ours)  # until the worker has a place of its own to note them
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        child = os.fork()
        if child:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ours)
            return child
        code = 1
        try:
            os.close(self._held)
            code = self._work(place, self._lifeline, partial(os.write, self._tells, bytes([place])))
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(code)

    def _ended(self) -> list[tuple[int, int]]:
        """Places of workers that have ended, with their exit codes."""
        found = []
        while self._places:
            child, status = os.waitpid(-1, os.WNOHANG)
            if not child:
                break
            place = self._places.pop(child, None)
            if place is None:
                continue  # a process of a dead worker's, which as the task's first process this one has inherited
            self._watching.gone(place)
            found.append((place, os.waitstatus_to_exitcode(status)))
        return found

    def _note_who_serves(self) -> None:
        with suppress(BlockingIOError):
            for place in os.read(self._told, 4096):
                self._serving.add(place)
                self._failed_starts = 0
        if self._serving and not self._has_served:
            self._has_served = True
            self._watching.serving()

    def _leave_open(self, place: int) -> None:
        """Start another in its place: at once, or later and later if they end before they serve."""
        if place in self._serving:
            self._serving.remove(place)
            self._pause_seconds[place] = 0
        else:
            self._failed_starts += 1
        self._due[place] = time.monotonic() + self._pause_seconds[place]
        self._pause_seconds[place] = min(2 * self._pause_seconds[place] + 1, _LONGEST_PAUSE_SECONDS)

    def _end(self) -> int:
        self._watching.stopping()
        for child in self._places:
            os.kill(child, signal.SIGTERM)
        codes = self._wait_for_all(self._stop_seconds + _KILL_SECONDS)
        for child in self._places:
            os.kill(child, signal.SIGKILL)
        codes += self._wait_for_all(_KILL_SECONDS)
        return 1 if any(codes) else 0

    def _wait_for_all(self, seconds: float) -> list[int]:
        until = time.monotonic() + seconds
        codes = [code for _, code in self._ended()]
        while self._places and time.monotonic() < until:
            self._signals.wait(max(0, until - time.monotonic()))
            codes += [code for _, code in self._ended()]
        return codes
