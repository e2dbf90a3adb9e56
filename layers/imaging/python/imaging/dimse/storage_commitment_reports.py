"""Requests for storage commitment from their row to the requester's confirmation.

A request is a row before it is confirmed. Whoever took it holds it for some minutes, verifies and tells; a process
that stops lets go, what one leaves behind that was killed another takes up when it is held no longer. So the result
is told at least once, and twice only where a process ends between the telling and the removal of the row, or where the
requester asks again meanwhile.
"""

import random
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from itertools import islice
from uuid import uuid4

from imaging.dimse.exchange import Exchange
from imaging.dimse.peers import Peers
from imaging.dimse.storage_commitment_held import Held
from imaging.dimse.storage_commitment_journal import CommitmentJournal
from imaging.dimse.storage_commitment_timing import Timing
from imaging.dimse.storage_commitment_work import CommitmentWork
from imaging.dimse.tls import client_context
from imaging.errors import Unavailable
from imaging.model.commitment import Commitment, CommitmentKey
from imaging.ports.commitments import Commitments
from imaging.reading.verify_commitment import VerifyCommitment

_MOST_HELD = 1000
_SIDE_BY_SIDE = 8
_MOST_DUE = 16
_STOP_SECONDS = 1.0


class CommitmentReports:
    """Verifies and tells, in threads beside the associations; one for a process.

    Parameters
    ----------
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
        timing: Timing | None = None,
        secure: Callable[[], ssl.SSLContext] = client_context,
    ) -> None:
        self._commitments = commitments
        self._journal = journal
        self._clock = clock
        self._timing = timing or Timing()
        self._go_on = CommitmentWork(commitments, verify, peers, journal, clock, self._timing, secure)
        self._held: dict[CommitmentKey, Held] = {}
        self._has_stopped = False
        self._changed = threading.Condition()

    def request(self, commitment: Commitment) -> str | None:
        """Make a request durable.

        Returns
        -------
        str or None
            What this time of asking goes by; None if what is pending under
            its key names other instances.

        Raises
        ------
        Rejected
            As `Commitments.request`.
        Unavailable
            It was not kept.
        """
        token = uuid4().hex
        return token if self._commitments.request(commitment, token, self._until_then()) else None

    def begin(self, key: CommitmentKey, token: str, exchange: Exchange) -> None:
        """Go on with a request that has been kept, over its own association while that lasts."""
        now = self._clock()
        with self._changed:
            if not self._has_stopped and len(self._held) < _MOST_HELD:
                self._held[key] = Held(key, token, now, exchange)  # in place of one that it was asked for before
                self._changed.notify()
                return
        self._leave(key, token)

    def run(self, stopping: threading.Event) -> None:
        """Work until told to stop; then let go of what is left, for another process.

        The associations come to their end first: what is asked until then is
        still told over them.
        """
        look = self._clock()
        while not stopping.is_set():
            soon = self._timing.round_seconds
            try:
                if self._clock() >= look:
                    look = self._clock() + self._timing.looking * random.uniform(0.5, 1.5)
                    self._take_due()
                self._keep_held()
                soon = self._start_what_is_due()
            except Exception as failure:  # the outermost guard of this thread: nobody else tells what it holds
                self._journal.commitments_failed(failure)
                stopping.wait(self._timing.round_seconds)
            with self._changed:
                self._changed.wait(soon)
        self._let_go()

    def _until_then(self) -> datetime:
        return self._clock() + self._timing.held

    def _take_due(self) -> None:
        """Take as many as can be dealt with soon."""
        now, token = self._clock(), uuid4().hex
        with self._changed:
            room = _MOST_DUE - sum(held.at_work or held.due <= now for held in self._held.values())
        with suppress(Unavailable):  # the next look finds them
            for key in islice(self._commitments.take_due(token, now, self._until_then()), max(room, 0)):
                with self._changed:
                    self._held[key] = Held(key, token, now)

    def _keep_held(self) -> None:
        """Let nobody else take what this process still holds, however long it waits or works."""
        now = self._clock()
        with self._changed:
            old = [held for held in self._held.values() if now >= held.kept_at + self._timing.held / 2]
        with suppress(Unavailable):  # the next round does it
            for held in old:
                if self._commitments.keep(held.key, held.token, self._until_then()):
                    held.kept_at = now
                else:
                    self._forget(held)

    def _forget(self, held: Held) -> None:
        with self._changed:
            if self._held.get(held.key) is held:  # another one stands there if it was asked for again
                del self._held[held.key]

    def _start_what_is_due(self) -> float:
        """Return in how many seconds the next one is, at the latest."""
        now = self._clock()
        with self._changed:
            room = _SIDE_BY_SIDE - sum(held.at_work and not held.awaits_answer for held in self._held.values())
            waiting = sorted((held for held in self._held.values() if not held.at_work), key=lambda held: held.due)
            for held in waiting:
                if held.due > now:
                    break
                if wait := self._go_on.wait_for_quiet(held):  # it costs no thread, and nothing is looked at
                    held.due = now + wait
                elif room > 0:
                    threading.Thread(target=self._work, args=(held,), name="commitment", daemon=True).start()
                    held.at_work = True  # before it can end: that needs the condition that is held here
                    room -= 1
            later = (held.due - now for held in waiting if held.due > now)
            return min([self._timing.round_seconds, *(wait.total_seconds() for wait in later)])

    def _work(self, held: Held) -> None:
        """Go on with a request; a thread's own."""
        due = None
        try:
            due = self._go_on(held)
        except Unavailable:
            due = self._clock() + self._timing.longest_look
        except Exception as failure:  # the outermost guard of this thread
            due = self._clock() + self._timing.first_retry
            self._journal.commitment_failed(held.key, failure)
        finally:
            with self._changed:
                held.at_work = False
                if due:
                    held.due = due
                else:
                    self._forget(held)
                self._changed.notify()

    def _let_go(self) -> None:
        """Let another process go on, also with what has not come to its end in time."""
        with self._changed:
            self._changed.wait_for(lambda: not any(held.at_work for held in self._held.values()), _STOP_SECONDS)
            left = list(self._held.values())
            self._held.clear()
            self._has_stopped = True
        for held in left:
            self._leave(held.key, held.token)

    def _leave(self, key: CommitmentKey, token: str) -> None:
        """Let whoever looks next take a request."""
        with suppress(Unavailable):  # then it is taken when it is held no longer
            self._commitments.put_off(key, token, self._clock())
