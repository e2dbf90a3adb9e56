"""The deployment's status as it was read last, for who may not read all that it is made of."""

from datetime import datetime
from typing import Protocol


class StatusRecord(Protocol):
    """Keeps one document."""

    def keep(self, document: str, as_of: datetime) -> bool:
        """Put it in the place of an older one; False if the one that is there is as new."""

    def read(self) -> str | None:
        """The document; None before the first."""
