"""The other services that the stages call."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from imaging.model.completion import Due
from imaging.model.events import Event
from imaging.model.identifiers import StudyKey
from imaging.ports.objects import ListedVersion


class EventBus(Protocol):
    """Tells subscribers."""

    def publish(self, events: Sequence[Event]) -> None:
        """Hand over all of them; raises `imaging.errors.Unavailable` if one was not taken."""


class StudyTimer(Protocol):
    """Wakes the finalizer when a study has been quiet."""

    def arm(self, study: StudyKey, changes: int, due: Due, attempt: int = 0) -> None:
        """Start a timer; one with the same study, changes, moment and attempt is the same timer."""


class FinalizerQueue(Protocol):
    """Where the finalizer is given hints."""

    def released(self, studies: Sequence[StudyKey], at: datetime) -> None:
        """An association that stored something of these was released; `imaging.errors.Unavailable` if it is lost."""


class DropQueue(Protocol):
    """Where it is told what was put under ``incoming/``."""

    def tell(self, space: str, versions: Sequence[ListedVersion]) -> None:
        """Tell of these as the store did when they were put; `imaging.errors.Unavailable` if one was not taken."""


class FhirServer(Protocol):
    """A FHIR R4 server with transactions."""

    def read(self, resource_type: str, logical_id: str) -> Mapping[str, Any] | None:
        """The resource, or None if it is not there or deleted."""

    def transact(self, bundle: Mapping[str, Any]) -> None:
        """Commit a transaction Bundle.

        Raises
        ------
        imaging.errors.Unavailable
            No answer, 5xx, 429, or a version conflict (409, 412): try again.
        imaging.errors.Rejected
            `MALFORMED_REQUEST`: the server refuses the content for good.
        """
