"""MiniStack's state on disk often enough that a crash takes little of it.

Rows and objects are durable by themselves (`durable_rows`, `object_repair`).
Queues and executions are saved a fraction of a second after they change, all
the rest once a minute, after a deployment and at the end.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ministack import app
from ministack.core import persistence
from ministack.services import sqs, stepfunctions

LOOK_SECONDS = 0.25
FULL_SNAPSHOT_SECONDS = 60.0
ATTEMPTS = 5
ONLY_GROWING = ("cloudwatch", "cloudwatch_logs")  # what is no loss, and would make each snapshot longer than the last

StateReader = Callable[[], dict[str, Any] | None]


class Snapshots:
    """One writer at a time of MiniStack's state files."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._save_all = persistence.save_all

    def install(self) -> None:
        """Take over MiniStack's own saving, and begin to look for changes."""
        app.save_all = self.save
        threading.Thread(target=self._watch, daemon=True, name="snapshots").start()

    def save_everything(self) -> None:
        """Save every service that has been used."""
        self.save(app._build_persistence_save_dict())

    def save(self, services: Mapping[str, StateReader]) -> None:
        """Save these services, as `persistence.save_all` does."""
        with self._lock:
            self._save_all({name: lambda read=read: _read_quietly(read) for name, read in services.items()})

    def _watch(self) -> None:
        saved: dict[str, int] = {}
        last_full = time.monotonic()
        while True:
            began = time.monotonic()
            for name, (fingerprint, read) in QUICKLY_CHANGING.items():
                now = fingerprint()
                if saved.get(name) != now:
                    self.save({name: read})
                    saved[name] = now
            if began - last_full > FULL_SNAPSHOT_SECONDS:
                services = app._build_persistence_save_dict()
                self.save({name: read for name, read in services.items() if name not in ONLY_GROWING})
                last_full = time.monotonic()
            time.sleep(max(LOOK_SECONDS, 10 * (time.monotonic() - began)))


def _read_quietly(read: StateReader) -> dict[str, Any] | None:
    """Copy a service's state; other threads may change it meanwhile, so more than once if need be."""
    for _ in range(ATTEMPTS - 1):
        try:
            return read()
        except RuntimeError:  # dictionary changed size during iteration
            time.sleep(0.01)
    return read()


def _queued_messages() -> int:
    return hash(tuple(message["id"] for queue in sqs._queues.all_values() for message in list(queue["messages"])))


def _executions() -> int:
    return hash(tuple(execution.get("status") for execution in stepfunctions._executions.all_values()))


QUICKLY_CHANGING: dict[str, tuple[Callable[[], int], StateReader]] = {
    "sqs": (_queued_messages, sqs.get_state),
    "stepfunctions": (_executions, stepfunctions.get_state),
}
