"""A process of the local run: started, watched, stopped."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from infra.local import tied_to_parent
from infra.local.failure import CannotRun

_STOP_SECONDS = 15.0


class Child:
    """A program that runs as long as the launcher does, its output in a log file.

    Parameters
    ----------
    name
        What the person at the terminal calls it.
    environment
        All of its environment.
    """

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], log_file: Path) -> None:
        self.name = name
        self.log_file = log_file
        with log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-IS", tied_to_parent.__file__, str(os.getpid()), *command],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def wait_until(self, answers: Callable[[], bool], timeout_seconds: float) -> None:
        """Wait until it does its work.

        Raises
        ------
        CannotRun
            If it ends before that, or takes too long.
        """
        deadline = time.monotonic() + timeout_seconds
        while not answers():
            if not self.is_running:
                raise CannotRun(f"The {self.name} did not start; {self.log_file} says why.")
            if time.monotonic() > deadline:
                raise CannotRun(f"The {self.name} was not ready after {timeout_seconds:.0f} s; see {self.log_file}.")
            time.sleep(0.05)

    def wait(self) -> int:
        """Wait until it has ended by itself; returns its exit code."""
        return self._process.wait()

    def stop(self) -> None:
        """Ask it to end, and end it if it does not listen."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
