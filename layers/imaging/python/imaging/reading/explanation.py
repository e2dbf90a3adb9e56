"""What is to be said of a dead letter: what it is, why it is there, how it is mended."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Cause(StrEnum):
    """Why a letter is there, as far as it can be told from what is there now."""

    DONE_SINCE = "done since"
    """Somebody else did the work: the sweeper, a reconcile, a later message."""
    GONE = "gone"
    """What it speaks of is not there any more."""
    NOT_DICOM = "not DICOM"
    UNREADABLE = "unreadable"
    """We fail at it: a fault of ours."""
    NOT_DONE = "not done"
    """The work is left, and could be done now: what stood in the way has passed, or was room or time."""
    REFUSED = "refused"
    """The other side does not take it."""
    NOT_INDEXED = "not indexed"
    NOT_OURS = "not ours"
    """No process of ours sends such a message."""


@dataclass(frozen=True)
class Explanation:
    """One piece of work of a dead letter.

    Attributes
    ----------
    work
        The stage whose work it is.
    about
        Space, UIDs and numbers by name; of an object that lies under no UIDs,
        ``object``: the beginning of the SHA-256 of its key, which may name a
        patient.
    why, mend
        A sentence each.
    """

    work: str
    about: dict[str, str]
    cause: Cause
    why: str
    mend: str


@dataclass(frozen=True)
class ExplainedLetter:
    """A dead letter and the work in it, mostly one piece.

    Attributes
    ----------
    tries
        None if it was put aside at once.
    """

    sent_at: datetime
    tries: int | None
    work: tuple[Explanation, ...]


REDRIVE = "Redrive it; what was done is not done twice."
REDRIVE_AWAY = "Redrive it: the next try finds nothing to do, and it is gone."
LOOK_INTO_LOG = "Redrive it once; if it comes back, the log of {process} at that time says what failed."


def not_ours(work: str, what: str) -> Explanation:
    """A message that makes no sense; its text is not shown, for nobody knows what is in it."""
    return Explanation(
        work,
        {},
        Cause.NOT_OURS,
        f"The message {what}: no process of this deployment sends such a one.",
        "Find out who may send to the queue; the message can be removed in the SQS console.",
    )
