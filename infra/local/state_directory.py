"""The folder of everything that persists between runs, held by one run at a time."""

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Self

from infra.local.failure import CannotRun

ENDPOINTS = "endpoints.json"
"""Where everything is; there when the system is ready."""
OPERATOR = "operator.json"
"""The environment of the operators' command."""


class StateDirectory:
    """Holds `STATE_DIR` as long as the process lives.

    The lock is the kernel's: it goes with the process, however that ends. The
    process id in it stays after a crash, and only then.

    Raises
    ------
    CannotRun
        If the folder cannot be written, or another run holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.logs = path / "logs"
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            self._lock, holder = _locked(path / "lock")
        except OSError as error:
            raise CannotRun(f"STATE_DIR {path} cannot be used: {error.strerror}.") from error
        self.after_a_crash = bool(holder)
        self.withdraw()

    def publish(self, name: str, content: Mapping[str, Any]) -> None:
        """Write one of the files that speak of a running system, whole or not at all."""
        draft = self.path / f"{name}.tmp"
        draft.write_text(json.dumps(content, indent=2) + "\n")
        draft.replace(self.path / name)

    def withdraw(self) -> None:
        """Remove those files: the system is not, or no longer, running."""
        for name in (ENDPOINTS, OPERATOR):
            (self.path / name).unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let another run have it: everything was stopped in good order."""
        self._lock.truncate(0)
        self._lock.close()


def _locked(path: Path) -> tuple[IO[str], str]:
    """Lock the file and put our process id in it; returns it with the id that was there."""
    lock = path.open("a+")
    lock.seek(0)
    holder = lock.read().strip()
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise CannotRun(
            f"Another run (process {holder}) uses {path.parent}: stop it, or choose another STATE_DIR."
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock, holder
