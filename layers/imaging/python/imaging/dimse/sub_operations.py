"""The counts and responses of C-MOVE and C-GET; PS3.4 Sections C.4.2.1 and C.4.3.1, PS3.7 Sections 9.1.3 and 9.1.4."""

import threading
import time
from collections.abc import Callable
from itertools import chain

from imaging.dimse.exchange import Exchange
from imaging.dimse.retrieve_identifier import failed_list
from imaging.dimse.status import CANCELLED, NONE_SENT, PENDING, SOME_FAILED, SUCCESS, is_stored, response
from imaging.errors import Unavailable

MAX_SUB_OPERATIONS = 65_535
"""A count has 16 bits, PS3.7 Annex E."""

PENDING_SECONDS = 0.5
"""Between two pending responses, at least: one for each instance would be more than the instances of a CT."""

_INTERRUPTED = "The retrieve was cancelled before the destination had answered."


class SubOperations:
    """One retrieve while it runs; one thread may count while another tells.

    Parameters
    ----------
    total
        How many instances are to be sent.

    Attributes
    ----------
    failed_by_cause
        The SOP Instance UIDs of what was not sent, or not taken.
    """

    def __init__(self, exchange: Exchange, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._exchange = exchange
        self._clock = clock
        self._told = clock()
        self._counting = threading.Lock()
        self._telling = threading.Lock()
        self._has_ended = False
        self._running = ""
        self._is_interrupted = False
        self.failed_by_cause: dict[str, list[str]] = {}
        self.remaining = total
        self.completed = 0
        self.warnings = 0

    @property
    def is_cancelled(self) -> bool:
        """Whether the requester wants no more."""
        return self._is_interrupted or self._exchange.is_cancelled

    @property
    def stored(self) -> int:
        """How many instances the receiver has taken."""
        return self.completed + self.warnings

    def failures(self, cause: str) -> int:
        """How many instances have failed for this cause."""
        return len(self.failed_by_cause.get(cause, ()))

    def check_requester(self) -> None:
        """Look whether anybody still wants to know.

        Raises
        ------
        Unavailable
            The requester's association has ended.
        """
        if not self._exchange.is_open:
            raise Unavailable("The requester has gone; it can ask again.")

    def begun(self, sop_instance_uid: str) -> None:
        """Know that this instance is on its way."""
        with self._counting:
            self._running = sop_instance_uid

    def answered(self, sop_instance_uid: str, status: int, size_bytes: int) -> None:
        """Count an instance by the status that its C-STORE was answered with."""
        if not is_stored(status):
            self.failed(sop_instance_uid, f"A C-STORE was answered with status {status:04X}.")
            return
        with self._counting:
            if self._is_interrupted:
                return
            self._running = ""
            self.remaining -= 1
            if status:
                self.warnings += 1
            else:
                self.completed += 1
            self._exchange.record.sent += 1
            self._exchange.record.bytes_sent += size_bytes

    def failed(self, sop_instance_uid: str, cause: str) -> None:
        """Count an instance that was not sent, or not taken; `cause` has room in an Error Comment."""
        with self._counting:
            if not self._is_interrupted:
                self._count_failed(sop_instance_uid, cause)

    def interrupt(self) -> None:
        """Count what is on its way as failed, and nothing from now on.

        What has not been begun stays remaining: PS3.4 Section C.4.2.3.1.
        """
        with self._counting:
            if self._running:
                self._count_failed(self._running, _INTERRUPTED)
            self._is_interrupted = True

    def tell_if_due(self) -> None:
        """Send a pending response unless one went a moment ago.

        Raises
        ------
        Unavailable
            The requester's association has ended.
        """
        with self._telling:
            if self._has_ended or self._clock() - self._told < PENDING_SECONDS:
                return
            self._respond(PENDING)
            self._told = self._clock()

    def end(self) -> None:
        """Send the final response.

        Raises
        ------
        Unavailable
            The requester's association has ended.
        """
        failed = list(chain.from_iterable(self.failed_by_cause.values()))
        encoded = failed_list(failed, self._exchange.context.transfer_syntax_uid)
        with self._telling:
            self._has_ended = True
            self._respond(self._status, next(iter(self.failed_by_cause), ""), encoded)

    @property
    def _status(self) -> int:
        if self.remaining or self._is_interrupted:
            return CANCELLED
        if not self.failed_by_cause and not self.warnings:
            return SUCCESS
        return SOME_FAILED if self.stored else NONE_SENT

    def _count_failed(self, sop_instance_uid: str, cause: str) -> None:
        self._running = ""
        self.remaining -= 1
        self.failed_by_cause.setdefault(cause, []).append(sop_instance_uid)

    def _respond(self, status: int, comment: str = "", identifier: bytes = b"") -> None:
        with self._counting:
            counts = {
                "NumberOfCompletedSuboperations": self.completed,
                "NumberOfFailedSuboperations": sum(map(len, self.failed_by_cause.values())),
                "NumberOfWarningSuboperations": self.warnings,
            }
            if status in {PENDING, CANCELLED}:
                counts["NumberOfRemainingSuboperations"] = self.remaining
        self._exchange.respond(response(status, comment), identifier, **counts)
