"""Whether a study is in FHIR as it is now, in one word."""

from dataclasses import dataclass
from enum import StrEnum

from imaging.model.publication import ErrorKind, FhirError, Publication


class PublicationState(StrEnum):
    """How the latest revision of a study stands."""

    PUBLISHED = "published"
    WAITING = "waiting"
    """It is on its way, or the study has no revision yet."""
    REFUSED = "refused"
    """It does not get there until somebody does something; an entry says why."""
    NONE = "none"
    """Nobody asked for it: nothing is published, or nothing was when the revision was made."""


@dataclass(frozen=True)
class PublicationStanding:
    """All that is known of a study on its way to FHIR.

    Attributes
    ----------
    entries
        What stands in the way, and what was left out.
    is_asked_for
        Whether the latest revision waits to be told or published.
    """

    publication: Publication
    entries: tuple[FhirError, ...] = ()
    is_asked_for: bool = False

    def state(self, revision: int) -> PublicationState:
        """How the study's latest revision stands, whose number that is (0: there is none)."""
        if 0 < revision <= self.publication.revision:
            return PublicationState.PUBLISHED
        kinds = {entry.kind for entry in self.entries if entry.revision >= revision}
        if any(kind.needs_human for kind in kinds):
            return PublicationState.REFUSED
        if self.is_asked_for or revision == 0 or ErrorKind.RETRYING in kinds:
            return PublicationState.WAITING
        return PublicationState.NONE
