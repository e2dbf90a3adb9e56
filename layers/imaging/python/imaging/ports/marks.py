"""The marks of work left, counted; what they ask for is `imaging.ports.manifest.PendingWork`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from imaging.model.identifiers import StudyKey
from imaging.model.study import Study
from imaging.ports.manifest import CommittedRevision, PendingKind


@dataclass(frozen=True)
class Tally:
    """How many marks there are, and since when the oldest waits (None: there is none)."""

    count: int
    oldest: datetime | None = None


class Marks(Protocol):
    """Reads the marks and changes none."""

    def tally(self, kind: PendingKind, before: datetime | None = None, at_most: int | None = None) -> Tally:
        """All marks of a kind, or those that have waited since before that moment; `at_most` if there are more."""

    def oldest(self, kind: PendingKind) -> datetime | None:
        """Since when the oldest mark of a kind waits, which costs the same however many there are."""

    def open_studies(self, at_most: int) -> list[Study]:
        """Rows of studies that are marked to be finalized."""

    def unpublished_revisions(self, at_most: int) -> list[CommittedRevision]:
        """Revisions that were announced and have not reached FHIR."""

    def mark_of_revision(self, study: StudyKey, number: int) -> PendingKind | None:
        """What a revision waits for; None if it waits for nothing."""


TOLD_BY_STREAM = (PendingKind.ANNOUNCE_CHANGE, PendingKind.ANNOUNCE_REVISION)
_MARGIN = timedelta(minutes=1)  # a stream record is dated to the second, and later than its mark


def untold_before(marks: Marks, moment: datetime) -> int:
    """How many changes and revisions are not told yet that were in the stream by then."""
    return sum(marks.tally(kind, moment + _MARGIN).count for kind in TOLD_BY_STREAM)
