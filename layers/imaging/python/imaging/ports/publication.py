"""What the manifest keeps of publishing to FHIR."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind, FhirError, Publication


@dataclass(frozen=True)
class PublicationLease:
    """The right to be the only one that publishes a study, for a while."""

    token: str
    publication: Publication


class Publications(Protocol):
    """Where studies stand; all of it raises `imaging.errors.Unavailable` if the store does not answer."""

    def lease(self, study: StudyKey, token: str, *, now: datetime, until: datetime) -> PublicationLease | None:
        """Be the only publisher of the study until then; None if another is."""

    def noted(self, lease: PublicationLease, so_far: Publication) -> bool:
        """Record what the server confirmed so far, and what is about to be written; lease and entries stay.

        Returns
        -------
        bool
            False if the lease ran out and another publisher has it: then nothing is written.
        """

    def published(self, lease: PublicationLease, after: Publication, entries: Sequence[FhirError]) -> bool:
        """Record what the server confirmed, and let the lease go.

        The study's entries are replaced by these, at most one of each sort: what is not in them is mended.

        Returns
        -------
        bool
            False if the lease ran out and another publisher has it: then nothing is written.
        """

    def failed(self, error: FhirError, lease: PublicationLease | None) -> None:
        """Put an entry in the place of the study's last one of its sort, and let the lease go.

        Nothing is written by who lost the lease to another, nor by who had none
        if that revision, or a later one, has been published.
        """

    def read(self, study: StudyKey) -> Publication:
        """Where a study stands; revision 0 if nothing is known."""


class FhirErrors(Protocol):
    """The entries of a space, for people."""

    def read_errors(
        self, space: str, kind: ErrorKind | None, *, after: str, limit: int
    ) -> tuple[Sequence[FhirError], str]:
        """Newest first, behind the cursor `after` ("" for the beginning), and the next cursor, "" at the end."""

    def read_errors_of(self, study: StudyKey) -> Sequence[FhirError]:
        """Those of a study, at most two: what was left out, and why the study itself is not there."""

    def count_errors(self, space: str, kind: ErrorKind, at_most: int | None = None) -> int:
        """How many of a kind there are; `at_most` if there are more."""


class PublishQueue(Protocol):
    """The queue of publishing, as those who ask for it once more know it."""

    def send(self, revisions: Sequence[tuple[StudyKey, int]]) -> None:
        """Ask for these revisions; raises `imaging.errors.Unavailable` if one was not taken."""


class KnownResources(Protocol):
    """Ids that a server chose, where it does not let us choose: its search may lag behind. And what was said last."""

    def find(self, name: str) -> str | None:
        """The server's logical id of the resource that has this deterministic name, if it was remembered."""

    def claim(self, name: str, token: str, *, now: datetime, until: datetime) -> bool:
        """Be the only one to create it until then; False if another is, or its id is known."""

    def remember(self, name: str, logical_id: str) -> None:
        """Keep the server's id; the claim is done with."""

    def give_back(self, name: str, token: str) -> None:
        """Nothing was created under this claim; another's, and an id that is known, stay."""

    def forget(self, name: str, logical_id: str) -> None:
        """The resource that had this id is gone; whatever else is known of the name by now stays."""

    def speaks(self, name: str, at: datetime) -> bool:
        """Whether who says at that moment how a resource of that name should be is the latest so far to say so."""
