"""Requests for storage commitment from their row to the requester's confirmation.

A request is a row before it is confirmed. Whoever took it holds it for some minutes, verifies and tells; a process
that stops lets go, what one leaves behind that was killed another takes up when it is held no longer. So the result
is told at least once, and twice only where a process dies between the confirmation and the removal of the row.
"""

import random
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from imaging.dimse.exchange import Exchange
from imaging.dimse.peers import Peers
from imaging.dimse.storage_commitment_delivery import Verdicts, send_on_its_association, send_over_a_new_association
from imaging.dimse.storage_commitment_journal import CommitmentJournal
from imaging.dimse.storage_commitment_timing import Timing, doubled
from imaging.dimse.tls import client_context
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.commitment import Commitment, CommitmentKey, Verdict
from imaging.ports.commitments import Commitments
from imaging.reading.verify_commitment import VerifyCommitment

_MOST_HELD = 1000
_SIDE_BY_SIDE = 8
_MOST_DUE = 16
_LOOK_UP_SECONDS = 0.5
_STOP_SECONDS = 1.0

_NO_ADDRESS = (
    "The requester's association is over, and the registry does not say where it listens; "
    "give its host and port in imaging.dimse.peers."
)


@dataclass
class _Held:
    """A request that this process holds; what it names stays in its row."""

    key: CommitmentKey
    due: datetime
    exchange: Exchange | None = None
    looks: int = 0
    at_work: bool = False


class CommitmentReports:
    """Verifies and tells, in threads beside the associations; one for a process.

    Parameters
    ----------
    token
        Of this process, unlike that of every other.
    secure
        What shakes hands with requesters that are called over TLS.
    """

    def __init__(
        self,
        commitments: Commitments,
        verify: VerifyCommitment,
        peers: Peers,
        journal: CommitmentJournal,
        *,
        clock: Callable[[], datetime],
        token: str,
        timing: Timing | None = None,
        secure: Callable[[], ssl.SSLContext] = client_context,
    ) -> None:
        self._commitments = commitments
        self._verify = verify
        self._peers = peers
        self._journal = journal
        self._clock = clock
        self._token = token
        self._timing = timing or Timing()
        self._secure = secure
        self._held: dict[CommitmentKey, _Held] = {}
        self._has_stopped = False
        self._changed = threading.Condition()

    def request(self, commitment: Commitment) -> bool:
        """Make a request durable; False if what is pending under its key names other instances.

        Raises
        ------
        Rejected
            As `Commitments.request`.
        Unavailable
            It was not kept.
        """
        return self._commitments.request(commitment, self._token, self._until_then())

    def begin(self, key: CommitmentKey, exchange: Exchange) -> None:
        """Go on with a request that has been kept, over its own association while that lasts."""
        with self._changed:
            if not self._has_stopped and len(self._held) < _MOST_HELD:
                self._held[key] = _Held(key, self._clock(), exchange)
                self._changed.notify()
                return
        self._leave(key)

    def run(self, stopping: threading.Event) -> None:
        """Work until told to stop; then let go of what is left, for another process.

        The associations come to their end first: what is asked until then is
        still told over them.
        """
        look = self._clock()
        while not stopping.is_set():
            if self._clock() >= look:
                look = self._clock() + self._timing.looking * random.uniform(0.5, 1.5)
                self._take_due()
            self._start_what_is_due()
            with self._changed:
                self._changed.wait(_LOOK_UP_SECONDS)
        self._let_go()

    def _until_then(self) -> datetime:
        return self._clock() + self._timing.held

    def _take_due(self) -> None:
        """Take as many as can be dealt with soon."""
        now = self._clock()
        with self._changed:
            room = _MOST_DUE - sum(held.at_work or held.due <= now for held in self._held.values())
        with suppress(Unavailable):  # the next look finds them
            for key in islice(self._commitments.take_due(self._token, now, self._until_then()), max(room, 0)):
                with self._changed:
                    self._held.setdefault(key, _Held(key, now))

    def _start_what_is_due(self) -> None:
        with self._changed:
            at_work = sum(held.at_work for held in self._held.values())
            waiting = sorted((held for held in self._held.values() if not held.at_work), key=lambda held: held.due)
            for held in waiting[: _SIDE_BY_SIDE - at_work]:
                if held.due <= self._clock():
                    held.at_work = True
                    threading.Thread(target=self._work, args=(held,), name="commitment", daemon=True).start()

    def _work(self, held: _Held) -> None:
        """Verify and tell; or find out when to do so."""
        due = None
        try:
            commitment = self._commitments.hold(held.key, self._token, self._until_then())
            if commitment:
                due = self._work_on(commitment, held)
        except Unavailable:
            due = self._clock() + self._timing.longest_look  # the table does not answer
        except Exception as failure:  # the outermost guard of this thread
            self._journal.commitment_failed(held.key, failure)
            due = self._clock() + self._timing.first_retry
        with self._changed:
            if due and self._held.get(held.key) is held:
                held.due, held.at_work = due, False
            elif self._held.get(held.key) is held:  # another one stands there if it was asked for again
                del self._held[held.key]
            self._changed.notify()

    def _work_on(self, commitment: Commitment, held: _Held) -> datetime | None:
        """Return when to go on with it; None if there is nothing left to do, or not for this process."""
        verdicts = dict(self._verify(commitment.key.space, commitment.references))
        now = self._clock()
        if Verdict.MISSING in verdicts.values() and now < commitment.requested_at + self._timing.indexing:
            held.looks += 1
            return now + doubled(self._timing.first_look, held.looks, self._timing.longest_look)
        try:
            if not self._tell(commitment, verdicts, held):
                return self._clock()
        except Rejected as rejected:
            self._drop(commitment, str(rejected))
        except Unavailable as failure:
            self._tell_later(commitment, str(failure))
        except Exception as failure:  # whatever it is, it shall not come again and again without end
            self._journal.commitment_failed(commitment.key, failure)
            self._tell_later(commitment, "The archive failed at it.")
        else:
            self._commitments.done(commitment.key)
            self._journal.reported(commitment, sum(verdict is not Verdict.COMMITTED for verdict in verdicts.values()))
        return None

    def _tell(self, commitment: Commitment, verdicts: Verdicts, held: _Held) -> bool:
        """Tell the requester, over its own association if that lasts; False if it is too busy to be told."""
        node = self._peers.node(commitment.key.requester_ae_title, commitment.called_ae_title)
        exchange, held.exchange = held.exchange, None
        if exchange and exchange.is_open:
            try:
                if send_on_its_association(commitment, verdicts, exchange, quiet_seconds=self._timing.quiet_seconds):
                    return True
            except Unavailable:
                exchange = None
            if exchange and node is None:
                held.exchange = exchange
                return False
        if node is None:
            raise Rejected(RejectReason.NO_SUCH_RESOURCE, _NO_ADDRESS)
        send_over_a_new_association(commitment, verdicts, node, self._secure)
        return True

    def _tell_later(self, commitment: Commitment, reason: str) -> None:
        now = self._clock()
        if now >= commitment.requested_at + self._timing.give_up:
            self._drop(commitment, reason)
            return
        wait = doubled(self._timing.first_retry, commitment.tries + 1, self._timing.longest_retry)
        wait *= random.uniform(0.75, 1.25)  # a node that comes back shall not meet all that waited at once
        self._commitments.put_off(commitment.key, self._token, now + wait, after_a_try=True)
        self._journal.put_off(commitment, reason, wait.total_seconds())

    def _drop(self, commitment: Commitment, reason: str) -> None:
        self._commitments.done(commitment.key)
        self._journal.dropped(commitment, reason)

    def _let_go(self) -> None:
        """Let another process go on, also with what has not come to its end in time."""
        with self._changed:
            self._changed.wait_for(lambda: not any(held.at_work for held in self._held.values()), _STOP_SECONDS)
            left = list(self._held)
            self._held.clear()
            self._has_stopped = True
        for key in left:
            self._leave(key)

    def _leave(self, key: CommitmentKey) -> None:
        """Let whoever looks next take a request."""
        with suppress(Unavailable):  # then it is taken when it is held no longer
            self._commitments.put_off(key, self._token, self._clock())
