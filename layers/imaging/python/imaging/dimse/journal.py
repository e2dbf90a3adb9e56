"""What is told of associations: titles, counts and UIDs, never another attribute."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from imaging.dimse.operations import Operations
from imaging.dimse.peers import Peer
from imaging.errors import Unavailable
from imaging.model.identifiers import StudyKey


class AssociationEnd(StrEnum):
    """How an association came to its end."""

    RELEASED = "released"
    ABORTED = "aborted"
    """By either side, or the connection was lost."""
    REJECTED = "rejected"
    """It never began."""


@dataclass
class AssociationRecord:
    """One association, from its request to its end.

    Attributes
    ----------
    space
        The storage space that the called AE title chose; empty if there is none.
    address
        From where it came.
    is_encrypted
        Whether by TLS.
    peer
        The entry of the registry that let it in; None if none did.
    stored, refused
        How many instances C-STORE answered with success, and with a failure.
    bytes_received
        Of the data sets that C-STORE brought, refused ones too.
    sent, bytes_sent
        How many instances went out by C-GET, and by C-MOVE to wherever, and
        how large their data sets were.
    studies
        Those that something was stored of.
    operations
        Its requests, by the names of pynetdicom's primitives.
    rejected_because
        Empty unless the association was rejected.
    """

    calling_ae_title: str
    called_ae_title: str
    space: str
    address: str = ""
    is_encrypted: bool = False
    peer: Peer | None = None
    stored: int = 0
    refused: int = 0
    bytes_received: int = 0
    sent: int = 0
    bytes_sent: int = 0
    studies: set[StudyKey] = field(default_factory=set)
    end: AssociationEnd = AssociationEnd.ABORTED
    rejected_because: str = ""
    began: float = field(default_factory=time.monotonic)
    operations: dict[str, Operations] = field(default_factory=dict)

    def answered(self, operation: str, seconds: float, status: int | None) -> None:
        """Count a request: its name, how long it took, and the status of the last response to it."""
        self.operations.setdefault(operation, Operations()).add(seconds, status)

    @property
    def duration_seconds(self) -> float:
        """How long it has lasted."""
        return time.monotonic() - self.began


@dataclass(frozen=True)
class Refusal:
    """An instance that was not stored.

    Attributes
    ----------
    cause
        A `RejectReason` in words, or what failed on our side, without its text.
    sop_class_uid, sop_instance_uid
        As the request named them; empty where that is no UID.
    """

    status: int
    cause: str
    sop_class_uid: str
    sop_instance_uid: str


class Journal(Protocol):
    """Where it is told; called by many threads."""

    def refused(self, association: AssociationRecord, refusal: Refusal) -> None:
        """An instance was not stored."""

    def not_sent(self, association: AssociationRecord, cause: str, sop_instance_uids: Sequence[str]) -> None:
        """Instances that a C-MOVE or C-GET named were not sent, or not taken, all for one cause."""

    def ended(self, association: AssociationRecord) -> None:
        """An association is over."""

    def failed(self, association: AssociationRecord, operation: str, failure: Exception) -> None:
        """A request ended in a fault of ours; the association is aborted."""

    def hint_lost(self, association: AssociationRecord, failure: Unavailable) -> None:
        """Nobody was told that the association was released; its studies wait for the quiet period."""

    def handshake_failed(self, address: str, why: str) -> None:
        """A connection did not come to be encrypted; it is closed."""

    def certificate_missing(self, failure: Unavailable) -> None:
        """TLS is offered, and its secrets cannot be read or used."""

    def certificate_kept(self, failure: Unavailable) -> None:
        """New secrets for TLS cannot be read or used; those read before are."""
