"""The ledger: what reached which binding, when, after how many tries; and who is at work on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from imaging.model.delivery import Delivery
from imaging.model.identifiers import InstanceKey, StudyKey


@dataclass(frozen=True)
class StudyLease:
    """The right to be the only one that delivers of a study to a binding.

    Attributes
    ----------
    told
        All revisions up to this one have been dealt with; 0 before the first.
    """

    binding: str
    study: StudyKey
    token: str
    told: int


class DeliveryLedger(Protocol):
    """Entries are compared and swapped; all reads are consistent."""

    def read_instance(self, binding: str, key: InstanceKey) -> Delivery | None:
        """The entry of an instance."""

    def read_instances(self, binding: str, study: StudyKey) -> Mapping[InstanceKey, Delivery]:
        """The entries of all instances of a study."""

    def read_revisions(self, binding: str, study: StudyKey) -> Mapping[int, Delivery]:
        """The entries of all revisions of a study, by number."""

    def swap(self, before: Delivery | None, after: Delivery) -> bool:
        """Write an entry if it still is as it was read, None: absent; False if it is not."""

    def lease(self, binding: str, study: StudyKey, token: str, *, now: datetime, until: datetime) -> StudyLease | None:
        """Be the only one until then; None if another is."""

    def release(self, lease: StudyLease, told: int) -> bool:
        """Give the lease back and note how far revisions were dealt with; False if another has taken it over."""


class StudyDeliveries(Protocol):
    """The ledger as readers see it."""

    def read_deliveries(
        self, study: StudyKey, *, after: str, offset: int, limit: int
    ) -> tuple[Sequence[Delivery], str]:
        """Entries of all bindings, by binding, then instances by UIDs, then revisions.

        Parameters
        ----------
        after
            What an earlier page was given with; "" for the beginning.

        Returns
        -------
        entries, after
            What the next page goes on behind; "" if this is the last.
        """
