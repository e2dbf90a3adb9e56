"""Studies in the order in which they came in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from imaging.model.identifiers import StudyKey
from imaging.model.publication_state import PublicationStanding


@dataclass(frozen=True, order=True)
class ArrivalPlace:
    """Where a study stands among those of all spaces.

    Attributes
    ----------
    opened_at
        When it changed for the first time since its last revision; UTC.
    """

    opened_at: datetime
    study_instance_uid: str
    space: str

    @property
    def study(self) -> StudyKey:
        """The study that stands there."""
        return StudyKey(self.space, self.study_instance_uid)


class Arrivals(Protocol):
    """Lists studies by an index that may lag a moment behind."""

    def list_arrivals(
        self, space: str, *, first: datetime | None, last: datetime | None, at_a_time: int
    ) -> Iterator[ArrivalPlace]:
        """Studies of a space, by falling place, read as the caller goes on; one that was just deleted may be there.

        Parameters
        ----------
        first, last
            Of the moments, both included; None: whenever.
        at_a_time
            How many to read in one go.
        """


class PublicationStandings(Protocol):
    """Where many studies stand on their way to FHIR."""

    def read_standings(self, revisions: Mapping[StudyKey, int]) -> dict[StudyKey, PublicationStanding]:
        """That of each of these studies, whose latest revisions are known (0: none), read consistently."""
