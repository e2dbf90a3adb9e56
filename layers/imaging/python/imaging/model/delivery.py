"""A delivery: what became of one instance or one revision on its way to one binding's target."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from imaging.model.identifiers import InstanceKey, StudyKey


class Outcome(StrEnum):
    """Where a delivery stands."""

    DELIVERED = "delivered"
    """The target has confirmed it."""
    SUPERSEDED = "superseded"
    """There is nothing left to send of it: a later version or revision goes, or it is gone."""
    REFUSED = "refused"
    """The target refuses it for good; nobody tries again unasked."""
    RETRYING = "retrying"
    """Under way, or to be tried again."""


@dataclass(frozen=True)
class Delivery:
    """An entry of the ledger: of an instance the newest version tried, of a study each revision.

    Attributes
    ----------
    subject
        An instance, or a study of which a revision is told or sent.
    number
        The instance's change number, or the revision.
    at
        When the entry was written.
    tries
        How often this number was tried.
    reason
        Why it was not delivered, in one sentence without any attribute of a patient.
    claim
        The token of the process at work on it; nobody else sends it before `claimed_until`.
    """

    binding: str
    subject: InstanceKey | StudyKey
    number: int
    outcome: Outcome
    at: datetime
    tries: int = 1
    reason: str = ""
    claim: str = ""
    claimed_until: datetime | None = None

    def is_claimed(self, at: datetime) -> bool:
        """Whether somebody is at work on it."""
        return self.claimed_until is not None and at < self.claimed_until

    def settled(self, outcome: Outcome, at: datetime, reason: str = "") -> "Delivery":
        """The same with its end, claimed by nobody."""
        return replace(self, outcome=outcome, at=at, reason=reason, claim="", claimed_until=None)


class Result(StrEnum):
    """What a process does with the message of a delivery."""

    DELIVERED = "delivered"
    """Acknowledge it."""
    NOTHING_LEFT = "nothing-left"
    """Acknowledge it: it is not for this binding, or what it is about was delivered or refused before."""
    REFUSED = "refused"
    """Acknowledge it: what was refused lies in the binding's dead-letter queue, with the reason."""
    UNFINISHED = "unfinished"
    """Time ran out with part of it delivered: let it come back at once."""


@dataclass(frozen=True)
class Delivered:
    """What came of one message.

    Attributes
    ----------
    sent
        How many instances or events the target took.
    reason
        Of a refusal, one sentence.
    """

    result: Result
    sent: int = 0
    reason: str = ""
