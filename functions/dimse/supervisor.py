"""The process that others are forked from: it starts them, starts them again, and ends them."""

import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Protocol

from functions.dimse.signals import Signals

UNUSABLE_SETTINGS = 78
"""The exit code of a worker that would end the same way again; EX_CONFIG of sysexits.h."""

_KILL_SECONDS = 8.0  # what a worker has beyond the time in which associations may end
_STARTING_SECONDS = 5.0  # a worker that ends earlier than this has not begun
_LONGEST_PAUSE_SECONDS = 30.0

Work = Callable[[int, int], int]
"""What a worker does: its place, and a file that has an end when the supervisor has ended; to its exit code."""


class Watching(Protocol):
    """Hears of what happens to the workers, in the supervisor."""

    def gone(self, place: int) -> None:
        """A worker is no more."""

    def died(self, code: int) -> None:
        """It ended unasked: by itself or, where the code is negative, by a signal."""

    def minute_passed(self) -> None:
        """Another minute has."""

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
        self._places: dict[int, int] = {}  # by process ID
        self._began: dict[int, float] = {}  # by place
        self._pause_seconds = dict.fromkeys(range(places), 0.0)
        self._due = dict.fromkeys(range(places), 0.0)  # places to fill, and from when on

    def run(self) -> int:
        """Go on until a signal asks for the end; return the exit code."""
        gc.freeze()  # what is shared with the workers stays so
        tell_at = time.monotonic() + self._tell_seconds
        while True:
            self._fill_places()
            came = self._signals.wait(max(0, min([tell_at, *self._due.values()]) - time.monotonic()))
            if came & {signal.SIGTERM, signal.SIGINT}:
                return self._end()
            for place, code in self._ended():
                if code == UNUSABLE_SETTINGS:
                    self._end()
                    return 1
                self._watching.died(code)
                if code == 0:  # somebody asked it to end, and it listens for all
                    self._end()
                    return 1
                self._leave_open(place)
            if time.monotonic() >= tell_at:
                tell_at += self._tell_seconds
                self._watching.minute_passed()

    def _fill_places(self) -> None:
        for place in [place for place, due in self._due.items() if time.monotonic() >= due]:
            del self._due[place]
            self._began[place] = time.monotonic()
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
            code = self._work(place, self._lifeline)
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
            place = self._places.pop(child)
            self._watching.gone(place)
            found.append((place, os.waitstatus_to_exitcode(status)))
        return found

    def _leave_open(self, place: int) -> None:
        """Start another in its place: at once, or later and later if they end as soon as they begin."""
        if time.monotonic() - self._began[place] > _STARTING_SECONDS:
            self._pause_seconds[place] = 0
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
