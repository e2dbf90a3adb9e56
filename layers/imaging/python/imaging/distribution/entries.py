"""One binding's entries in the ledger: claimed before the target is asked, settled after it has answered."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from imaging.errors import Unavailable
from imaging.model.delivery import Delivery, Outcome
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.ports.ledger import DeliveryLedger

MARGIN = timedelta(minutes=2)
"""How long a claim outlasts its process, which ends what it has begun; and clocks differ."""

SetAside: TypeAlias = Callable[[Mapping[str, Any], str], None]
"""Puts a message into the dead-letter queue, with the reason."""

_UNSETTLED = (Outcome.RETRYING, Outcome.REFUSED)


@dataclass
class Progress:
    """How far the revisions of a study have been dealt with."""

    told: int


class Entries:
    """Reads and writes the entries of one binding."""

    def __init__(
        self,
        binding: str,
        ledger: DeliveryLedger,
        clock: Callable[[], datetime],
        new_claim: Callable[[], str],
        set_aside: SetAside,
    ) -> None:
        self.binding = binding
        self.ledger = ledger
        self.clock = clock
        self._new_claim = new_claim
        self._set_aside = set_aside

    @contextmanager
    def study_held(self, study: StudyKey, deadline: datetime) -> Iterator[Progress]:
        """Be the only one that delivers of the study.

        Raises
        ------
        Unavailable
            Another process has it; or, at the end, took it over because this
            one outlasted its time, so that the message must come again.
        """
        token, now = self._new_claim(), self.clock()
        lease = self.ledger.lease(self.binding, study, token, now=now, until=deadline + MARGIN)
        if lease is None:
            raise _busy("study")
        progress = Progress(lease.told)
        try:
            yield progress
        except Exception:
            self.ledger.release(lease, progress.told)
            raise
        if not self.ledger.release(lease, progress.told):
            raise Unavailable("The delivery of a study took longer than its time; it is looked at again.")

    def claimed(self, seen: Delivery | None, key: InstanceKey, number: int, deadline: datetime) -> Delivery:
        """Claim an instance's entry.

        Raises
        ------
        Unavailable
            Another process is at work on it.
        """
        now = self.clock()
        claimed = Delivery(
            self.binding,
            key,
            number,
            Outcome.RETRYING,
            now,
            tries_after(seen, number),
            claim=self._new_claim(),
            claimed_until=deadline + MARGIN,
        )
        if (seen and seen.is_claimed(now)) or not self.ledger.swap(seen, claimed):
            raise _busy("instance")
        return claimed

    def settle_instance(self, seen: Delivery | None, settled: Delivery) -> None:
        """Write down what became of an instance that is ours alone.

        Raises
        ------
        Unavailable
            Time ran out and another took it over, who sent a newer version:
            ours may have come after it, so the newer is sent once more.
        """
        if self.ledger.swap(seen, settled):
            return
        assert isinstance(settled.subject, InstanceKey)
        while (now := self.ledger.read_instance(self.binding, settled.subject)) and now.number > settled.number:
            reason = "An older version may have arrived after it."
            if self.ledger.swap(now, now.settled(Outcome.RETRYING, self.clock(), reason)):
                raise Unavailable("The delivery of an instance took longer than its time; it is looked at again.")

    def refused_at(self, message: Mapping[str, Any], reason: str) -> datetime:
        """Set a message aside; the moment of the refusal, for the ledger.

        The letter is there before the entry is: who meets a refusal in the
        ledger need not write another. And it is not older than the entry: what
        it is about is tried again, however soon it comes back.
        """
        at = self.clock()
        self._set_aside(message, reason)
        return at

    def supersede(self, entry: Delivery | None) -> None:
        """Close an entry that waits for a try, or for a human, since there is nothing left to send.

        Raises
        ------
        Unavailable
            Another process is at work on it, and may yet fail.
        """
        if entry is None or entry.outcome not in _UNSETTLED:
            return
        now = self.clock()
        if entry.is_claimed(now) or not self.ledger.swap(entry, entry.settled(Outcome.SUPERSEDED, now)):
            raise _busy("instance")


def tries_after(seen: Delivery | None, number: int) -> int:
    """How many tries of this number there are with the next one."""
    return seen.tries + 1 if seen and seen.number == number and seen.outcome in _UNSETTLED else 1


def _busy(what: str) -> Unavailable:
    return Unavailable(f"Another process is delivering of this {what} at the moment; the message comes again.")
