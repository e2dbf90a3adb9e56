"""A request for storage commitment, PS3.4 Annex J: what an application entity wants to be sure of before it forgets."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class SopReference(NamedTuple):
    """An instance as a request names it."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True)
class CommitmentKey:
    """What names a request: two requesters may choose the same Transaction UID.

    Attributes
    ----------
    requester_ae_title
        Who asked, and is told.
    """

    space: str
    requester_ae_title: str
    transaction_uid: str


@dataclass(frozen=True)
class Commitment:
    """A request whose result the requester has not confirmed yet.

    Attributes
    ----------
    called_ae_title
        Ours, that it was asked under: the result comes from there.
    references
        Each instance once.
    tries
        How often the result was sent, and not confirmed.
    """

    key: CommitmentKey
    called_ae_title: str
    references: tuple[SopReference, ...]
    requested_at: datetime
    tries: int = 0


class Verdict(StrEnum):
    """What is true of an instance that a request names."""

    COMMITTED = "committed"
    """Its manifest entry and the object version that it speaks of are there."""
    MISSING = "missing"
    """One of them is not, or not yet: it was never stored, or deleted, or is being indexed."""
    OTHER_CLASS = "other class"
    """It is there, of another SOP Class than the request says."""
