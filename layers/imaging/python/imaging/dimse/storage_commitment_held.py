"""A request for storage commitment while one process holds it."""

from array import array
from dataclasses import dataclass, field
from datetime import datetime

from imaging.dimse.exchange import Exchange
from imaging.model.commitment import CommitmentKey


@dataclass(eq=False)
class Held:
    """What is kept of it in memory: what it names stays in its row.

    Attributes
    ----------
    token
        Of this time that it was asked for or taken; as `imaging.ports.commitments.Commitments` has it.
    due
        When to go on with it.
    exchange
        That it came by; None where another process confirmed it.
    looks
        How often it was looked at without being told.
    missing
        What the last look did not find, as places in the row; None before the first.
    at_work
        Whether a thread is.
    awaits_answer
        Whether that thread has told the requester, and waits: for nothing of ours.
    since, kept_at
        When this process began to hold it, and when its row last heard so.
    """

    key: CommitmentKey
    token: str
    due: datetime
    exchange: Exchange | None = None
    looks: int = 0
    missing: "array[int] | None" = None
    at_work: bool = False
    awaits_answer: bool = False
    since: datetime = field(init=False)
    kept_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.since = self.kept_at = self.due
