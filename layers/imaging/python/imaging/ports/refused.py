"""Deliveries that a target refuses for good."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from imaging.model.identifiers import StudyKey


class RefusedDeliveries(Protocol):
    """The ledger's entries that wait for a human."""

    def read_refused(self, before: datetime) -> Iterable[tuple[str, StudyKey]]:
        """The binding and the study of each delivery that was refused before that moment and not made good since."""
