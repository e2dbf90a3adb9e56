"""Distribution to DIMSE nodes as a process: `python -m functions.deliver_dimse`.

Each binding has threads of its own, each with an association of its own: a slow node delays no other.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from aws_lambda_powertools import Logger

from functions.deliver_dimse.journal import DeliveryJournal
from imaging import bootstrap
from imaging.distribution.work_off import ReceivedMessage
from imaging.errors import Unavailable, nameless
from imaging.settings import MissingSetting, Settings

LONGEST_DELIVERY = timedelta(minutes=10)
"""Half of the time for which nobody else sees a message that was received."""

_WAIT_SECONDS = 5.0  # after the queue did not answer

Compose = Callable[[Mapping[str, str]], bootstrap.Delivering]


class Worker:
    """Works off the queue of one binding, message by message."""

    def __init__(self, delivering: bootstrap.Delivering, journal: DeliveryJournal, stopping: threading.Event) -> None:
        self._delivering = delivering
        self._journal = journal
        self._stopping = stopping
        self._logger = Logger(child=True)

    def run(self) -> None:
        """Go on until the process stops."""
        while not self._stopping.is_set():
            try:
                for message in self._delivering.queue.receive():
                    self._handle(message)
            except Unavailable as failure:
                self._logger.warning("the queue does not answer", why=str(failure))
                self._stopping.wait(_WAIT_SECONDS)
            except Exception as failure:  # of one message; the next may be another matter
                self._logger.error("failed", extra=nameless(failure), binding=self._delivering.binding.name)

    def _handle(self, message: ReceivedMessage) -> None:
        if self._stopping.is_set():
            self._delivering.queue.give_back(message.receipt_handle)
            return
        deadline = bootstrap.now() + LONGEST_DELIVERY
        handled = self._delivering.work_off(message, deadline)
        if handled.is_done:
            self._delivering.queue.acknowledge(message.receipt_handle)
        self._journal.handled(self._delivering.binding.name, handled)


def serve(environment: Mapping[str, str], compose: Compose) -> int:
    """Deliver until SIGTERM or SIGINT, end what has been begun, and return the exit code."""
    logger, stopping = Logger(), threading.Event()
    settings = Settings(environment)
    try:
        bindings: list[dict[str, Any]] = json.loads(settings["BINDINGS"])
        workers = [
            Worker(compose(_of(binding, environment)), DeliveryJournal(logger), stopping)
            for binding in bindings
            for _ in range(binding["concurrency"])
        ]
    except MissingSetting as missing:
        print(missing, file=sys.stderr)
        return 1
    threading.excepthook = lambda failure: logger.error("A thread failed", failure=failure.exc_type.__name__)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    threads = [threading.Thread(target=worker.run, daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    logger.info("Delivering", bindings=[binding["name"] for binding in bindings])
    stopping.wait()
    until = bootstrap.now() + timedelta(seconds=float(settings.get("DELIVER_STOP_SECONDS", "110")))
    for thread in threads:
        thread.join(max(0, (until - bootstrap.now()).total_seconds()))
    return 0


def _of(binding: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of one binding, as its function would have it."""
    return {
        **environment,
        "BINDING": json.dumps(binding),
        "QUEUE_URL": binding["queue_url"],
        "DEAD_LETTER_QUEUE_URL": binding["dead_letter_queue_url"],
    }


if __name__ == "__main__":
    sys.exit(serve(os.environ, bootstrap.delivering))
