"""Requests for storage commitment that have not come to their end; each is dealt with by one process at a time."""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from imaging.model.commitment import Commitment, CommitmentKey


class Commitments(Protocol):
    """All reads are consistent, and what is written is durable when a method returns.

    A `token` names who holds a request, and which time it was asked for or
    taken. Nobody else takes it before the moment until which it is held; after
    that anybody may.
    """

    def request(self, commitment: Commitment, token: str, until: datetime) -> bool:
        """Keep a request, and hold it until then.

        One that is pending already is taken over, whoever holds it: the
        requester has come back.

        Returns
        -------
        bool
            False if what is pending under its key names other instances.

        Raises
        ------
        Rejected
            `TOO_LARGE`: it names more instances than can be kept together.
        """

    def hold(self, key: CommitmentKey, token: str, until: datetime) -> Commitment | None:
        """Read a request that `token` holds, and hold it until then; None if another has it, or it is done."""

    def keep(self, key: CommitmentKey, token: str, until: datetime, *, after_a_try: bool = False) -> bool:
        """Hold a request longer that `token` holds; False if another has it, or it is done.

        Parameters
        ----------
        after_a_try
            Count one more.
        """

    def take_due(self, token: str, now: datetime, until: datetime) -> Iterator[CommitmentKey]:
        """Take, as the caller goes on, requests that nobody holds any more, those first that have waited longest."""

    def put_off(self, key: CommitmentKey, token: str, until: datetime, *, after_a_try: bool = False) -> None:
        """Let go of a request that nobody shall take before then; nothing happens if another has it.

        Parameters
        ----------
        after_a_try
            Count one more.
        """

    def done(self, key: CommitmentKey, token: str) -> bool:
        """Forget a request that `token` holds; False if another has it: it was asked for again, or taken."""
