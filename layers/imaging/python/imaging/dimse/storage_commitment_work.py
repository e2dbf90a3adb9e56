"""One step with a request for storage commitment: its instances are verified, and the requester is told."""

import random
import ssl
from array import array
from collections.abc import Callable
from datetime import datetime, timedelta

from imaging.dimse.exchange import Exchange
from imaging.dimse.node import Node
from imaging.dimse.peers import Peers
from imaging.dimse.storage_commitment_delivery import (
    Verdicts,
    quiet_in_seconds,
    send_on_its_association,
    send_over_a_new_association,
)
from imaging.dimse.storage_commitment_held import Held
from imaging.dimse.storage_commitment_journal import CommitmentJournal
from imaging.dimse.storage_commitment_timing import Timing, doubled
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.commitment import Commitment, Verdict
from imaging.ports.commitments import Commitments
from imaging.reading.verify_commitment import VerifyCommitment

_NO_ADDRESS = (
    "The requester's association is over, and the registry does not say where it listens; "
    "give its host and port in imaging.dimse.peers."
)


class CommitmentWork:
    """Goes on with requests; from several threads, each with another request."""

    def __init__(
        self,
        commitments: Commitments,
        verify: VerifyCommitment,
        peers: Peers,
        journal: CommitmentJournal,
        clock: Callable[[], datetime],
        timing: Timing,
        secure: Callable[[], ssl.SSLContext],
    ) -> None:
        self._commitments = commitments
        self._verify = verify
        self._peers = peers
        self._journal = journal
        self._clock = clock
        self._timing = timing
        self._secure = secure

    def __call__(self, held: Held) -> datetime | None:
        """Verify and tell; or find out when to do so.

        Returns
        -------
        datetime or None
            When to go on with it; None if there is nothing left to do, or not for this process.

        Raises
        ------
        Unavailable
            Table or bucket do not answer.
        """
        commitment = self._commitments.hold(held.key, held.token, self._until_then())
        if commitment is None:
            return None
        verdicts = self._verdicts(commitment, held)
        if verdicts is None:
            return self._next_look(held)
        if not self._commitments.keep(held.key, held.token, self._until_then()):
            return None  # it took long: another has it, or it was asked for again
        return self._report(commitment, verdicts, held)

    def wait_for_quiet(self, held: Held) -> timedelta:
        """How long to wait at least until the requester may be told, if over its own association."""
        exchange = self._waited_for(held)
        return timedelta(seconds=quiet_in_seconds(exchange, self._timing.quiet_seconds) if exchange else 0)

    def _until_then(self) -> datetime:
        return self._clock() + self._timing.held

    def _next_look(self, held: Held) -> datetime:
        held.looks += 1
        return self._clock() + doubled(self._timing.first_look, held.looks, self._timing.longest_look)

    def _waited_for(self, held: Held) -> Exchange | None:
        """The association of the request; None where it is not waited for until that is quiet."""
        exchange = held.exchange
        if exchange is None or not exchange.is_open:
            return None
        is_soon = self._clock() < held.since + self._timing.not_quiet
        return exchange if is_soon or self._node(held, exchange.record.called_ae_title) is None else None

    def _node(self, held: Held, called_ae_title: str) -> Node | None:
        return self._peers.node(held.key.requester_ae_title, held.key.space, called_ae_title)

    def _verdicts(self, commitment: Commitment, held: Held) -> Verdicts | None:
        """Look for what was not found before, then at all; None if something is missing that may still be indexed."""
        portions = [commitment.references]
        if held.missing is not None:
            portions.insert(0, tuple(commitment.references[place] for place in held.missing))
        verdicts: Verdicts = {}
        for references in portions:
            verdicts = dict(self._verify(commitment.key.space, references))
            missing = {reference for reference, verdict in verdicts.items() if verdict is Verdict.MISSING}
            if missing and self._clock() < commitment.requested_at + self._timing.indexing:
                places = (place for place, reference in enumerate(commitment.references) if reference in missing)
                held.missing = array("H", places)  # a request has 65,535 references at most
                return None
        return verdicts

    def _report(self, commitment: Commitment, verdicts: Verdicts, held: Held) -> datetime | None:
        """Tell the requester, and remember that; or go on later, or never."""
        try:
            if not self._tell(commitment, verdicts, held):
                return self._next_look(held)
        except Rejected as rejected:
            self._drop(commitment, held, str(rejected))
        except Unavailable as failure:
            return self._later(commitment, held, str(failure))
        except Exception as failure:  # whatever it is, it shall not come again and again without end
            self._journal.commitment_failed(commitment.key, failure)
            return self._later(commitment, held, "The archive failed at it.")
        else:
            self._commitments.done(held.key, held.token)
            self._journal.reported(commitment, sum(verdict is not Verdict.COMMITTED for verdict in verdicts.values()))
        return None

    def _tell(self, commitment: Commitment, verdicts: Verdicts, held: Held) -> bool:
        """Tell the requester, over its own association if that lasts; False if it has begun something else there."""
        node, exchange = self._node(held, commitment.called_ae_title), held.exchange
        if exchange and exchange.is_open:
            held.awaits_answer = True
            try:
                if send_on_its_association(commitment, verdicts, exchange):
                    return True
                if self._waited_for(held):
                    return False
            except Unavailable:
                if exchange.is_open and node is None:
                    raise
            finally:
                held.awaits_answer = False
        if node is None:
            raise Rejected(RejectReason.NO_SUCH_RESOURCE, _NO_ADDRESS)
        send_over_a_new_association(commitment, verdicts, node, self._secure)
        return True

    def _later(self, commitment: Commitment, held: Held, reason: str) -> datetime | None:
        """Keep it where only this process can tell the requester; else let any process go on."""
        now = self._clock()
        if now >= commitment.requested_at + self._timing.give_up:
            self._drop(commitment, held, reason)
            return None
        wait = doubled(self._timing.first_retry, commitment.tries + 1, self._timing.longest_retry)
        wait *= random.uniform(0.75, 1.25)  # a node that comes back shall not meet all that waited at once
        self._journal.put_off(commitment, reason, wait.total_seconds())
        if held.exchange and held.exchange.is_open and self._node(held, commitment.called_ae_title) is None:
            is_ours = self._commitments.keep(held.key, held.token, self._until_then(), after_a_try=True)
            return now + wait if is_ours else None
        self._commitments.put_off(held.key, held.token, now + wait, after_a_try=True)
        return None

    def _drop(self, commitment: Commitment, held: Held, reason: str) -> None:
        if self._commitments.done(held.key, held.token):
            self._journal.dropped(commitment, reason)
