"""The other services that the stages call."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from imaging.errors import Unavailable
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


class VersionConflict(Unavailable):
    """Somebody else wrote one of the resources first (409, 412): read again and merge."""


class TooBusy(Unavailable):
    """The server turned the request away before it did anything (429)."""


class NotAllowed(Unavailable):
    """The server does not let us do this (401, 403), which it may of some types only."""


class FhirServer(Protocol):
    """A FHIR R4 server with transactions.

    All of it raises `imaging.errors.Unavailable` when there is no answer, and
    for 5xx, 429 and what else can pass, with the server's wish for patience in
    `wait_seconds`; `imaging.errors.Rejected` with `MALFORMED_REQUEST` for every
    other refusal. 401 and 403 are `NotAllowed`, 429 is `TooBusy`.
    """

    def capabilities(self) -> Mapping[str, Any]:
        """Its CapabilityStatement; asked once a process."""

    def read(self, resource_type: str, logical_id: str) -> Mapping[str, Any] | None:
        """The resource, or None if it is not there or deleted."""

    def search(self, resource_type: str, criteria: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        """All that match, over all pages; the server may not know yet what was just written.

        Parameters
        ----------
        criteria
            Values by search parameter, with FHIR's own escapes
            (https://hl7.org/fhir/R4/search.html#escaping) and no others.

        Raises
        ------
        imaging.errors.Rejected
            Also if the server does not know a parameter, or passes over it.
        """

    def transact(self, bundle: Mapping[str, Any], repeat_key: str = "") -> Sequence[Mapping[str, Any]]:
        """Commit a transaction Bundle.

        Parameters
        ----------
        repeat_key
            Names this attempt and no other: a server that recognises it carries out once what was
            repeated on the way, and answers the repeat with 409. The next attempt has another, and
            finds by reading what became of this one.

        Returns
        -------
        sequence
            The `response` of each entry, in their order.

        Raises
        ------
        VersionConflict
            409, 412.
        """
