"""Read what of a study reached which binding."""

from collections.abc import Sequence
from dataclasses import dataclass

from imaging.model.delivery import Delivery
from imaging.model.identifiers import StudyKey
from imaging.ports.catalogue import StudyHistory
from imaging.ports.ledger import StudyDeliveries
from imaging.reading.target import Target


@dataclass(frozen=True)
class DeliveriesPage:
    """Entries of the ledger.

    Attributes
    ----------
    next
        What the next page is asked for after; empty if this is the last.
    """

    entries: Sequence[Delivery]
    next: str


class ReadDeliveries:
    """Reads the ledger; that of a deleted study too."""

    def __init__(self, deliveries: StudyDeliveries, history: StudyHistory) -> None:
        self._deliveries = deliveries
        self._history = history

    def __call__(self, study: StudyKey, *, after: str, offset: int, limit: int) -> DeliveriesPage:
        """Entries of all bindings, by binding, then instances by UIDs, then revisions.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE` if nothing of the study was ever indexed.
        """
        entries, following = self._deliveries.read_deliveries(study, after=after, offset=offset, limit=limit)
        if not entries and self._history.read_study(study) is None:
            raise Target(study).not_found()
        return DeliveriesPage(entries, following)
