"""The counts and responses of C-MOVE and C-GET; PS3.4 Sections C.4.2.1 and C.4.3.1, PS3.7 Sections 9.1.3 and 9.1.4."""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from imaging.dimse.exchange import Exchange
from imaging.dimse.retrieve_identifier import failed_list
from imaging.dimse.status import SUCCESS, is_stored, response
from imaging.errors import Unavailable

# PS3.4 Tables C.4-2 and C.4-3
PENDING = 0xFF00
CANCELLED = 0xFE00
SOME_FAILED = 0xB000
TOO_MANY_MATCHES = 0xA701  # refused: out of resources, unable to calculate number of matches
NONE_SENT = 0xA702  # refused: out of resources, unable to perform sub-operations

MAX_SUB_OPERATIONS = 65_535
"""A count has 16 bits, PS3.7 Annex E."""

PENDING_SECONDS = 0.5
"""Between two pending responses, at least: one for each instance would be more than the instances of a CT."""


class SubOperations:
    """One retrieve while it runs.

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
        self.failed_by_cause: dict[str, list[str]] = {}
        self.remaining = total
        self.completed = 0
        self.warnings = 0

    @property
    def is_cancelled(self) -> bool:
        """Whether the requester wants no more."""
        return self._exchange.is_cancelled

    @property
    def stored(self) -> int:
        """How many instances the receiver has taken."""
        return self.completed + self.warnings

    def check_requester(self) -> None:
        """Look whether anybody still wants to know.

        Raises
        ------
        Unavailable
            The requester's association has ended.
        """
        if not self._exchange.is_open:
            raise Unavailable("The requester has gone; it can ask again.")

    def answered(self, sop_instance_uid: str, status: int, size_bytes: int) -> None:
        """Count an instance by the status that its C-STORE was answered with."""
        if not is_stored(status):
            self.failed(sop_instance_uid, f"A C-STORE was answered with status {status:04X}.")
            return
        self.remaining -= 1
        if status:
            self.warnings += 1
        else:
            self.completed += 1
        self._exchange.record.sent += 1
        self._exchange.record.bytes_sent += size_bytes

    def failed(self, sop_instance_uid: str, cause: str) -> None:
        """Count an instance that was not sent, or not taken; `cause` has room in an Error Comment."""
        self.remaining -= 1
        self.failed_by_cause.setdefault(cause, []).append(sop_instance_uid)

    def tell_if_due(self) -> None:
        """Send a pending response unless one went a moment ago.

        Raises
        ------
        Unavailable
            The requester's association has ended.
        """
        if self._clock() - self._told < PENDING_SECONDS:
            return
        self._respond(PENDING)
        self._told = self._clock()

    def telling(self, data_set: Iterable[bytes]) -> Iterator[bytes]:
        """The same pieces; while they go out, pending responses do so too, over the requester's own association."""
        for piece in data_set:
            self.tell_if_due()
            yield piece

    def end(self) -> None:
        """Send the final response.

        Raises
        ------
        Unavailable
            The requester's association has ended.
        """
        failed = list(chain.from_iterable(self.failed_by_cause.values()))
        self._respond(
            self._status,
            next(iter(self.failed_by_cause), ""),
            failed_list(failed, self._exchange.context.transfer_syntax_uid),
        )

    @property
    def _status(self) -> int:
        if self.remaining:
            return CANCELLED
        if not self.failed_by_cause and not self.warnings:
            return SUCCESS
        return SOME_FAILED if self.stored else NONE_SENT

    def _respond(self, status: int, comment: str = "", identifier: bytes = b"") -> None:
        counts = {
            "NumberOfCompletedSuboperations": self.completed,
            "NumberOfFailedSuboperations": sum(map(len, self.failed_by_cause.values())),
            "NumberOfWarningSuboperations": self.warnings,
        }
        if status in {PENDING, CANCELLED}:
            counts["NumberOfRemainingSuboperations"] = self.remaining
        self._exchange.respond(response(status, comment), identifier, **counts)
