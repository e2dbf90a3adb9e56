"""What is told of requests for storage commitment: titles, counts and the Transaction UID."""

from typing import Protocol

from imaging.model.commitment import Commitment, CommitmentKey


class CommitmentJournal(Protocol):
    """Where it is told; called by many threads."""

    def reported(self, commitment: Commitment, failures: int) -> None:
        """The requester has confirmed the result, with so many instances that are not committed."""

    def put_off(self, commitment: Commitment, reason: str, wait_seconds: float) -> None:
        """The requester could not be told, and is told later."""

    def dropped(self, commitment: Commitment, reason: str) -> None:
        """The requester will not be told any more."""

    def commitments_failed(self, failure: Exception) -> None:
        """A fault of ours in going through what is pending; it is gone through again."""

    def commitment_failed(self, key: CommitmentKey, failure: Exception) -> None:
        """A fault of ours; it is tried again."""
