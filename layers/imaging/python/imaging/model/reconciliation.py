"""How far a comparison of a space's bucket with its manifest has come, and what it found."""

from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from enum import StrEnum

_NAMED_AT_MOST = 100


class Phase(StrEnum):
    """From which side a pass looks."""

    BUCKET = "bucket"
    """Study by study, in the order of their keys."""
    MANIFEST = "manifest"
    """Studies that the bucket has lost whole."""
    DONE = "done"


@dataclass
class Reconciled:
    """What was compared and what differed; counts.

    Attributes
    ----------
    studies, instances
        That the bucket holds, deleted ones included.
    restored_studies
        Whose revisions outlived their rows.
    indexed
        Instances that were put by hand or whose event was lost, in either direction.
    failed
        Instances, and whole studies, that could not be brought up now.
    overdue_studies
        Open for long; the sweeper has their marks, or has them again.
    unannounced
        Changes not told for long; the same.
    marked_again
        Studies and changes whose mark was lost.
    orphans
        Removed: what was kept beside a version that is gone for good, and drafts that nobody committed.
    unnamed_metadata
        Metadata of series that neither a row nor a revision names; kept.
    strangers
        Objects below ``studies/`` that are none of ours; kept.
    failed_studies
        Some of those that could not be compared now.
    """

    studies: int = 0
    instances: int = 0
    restored_studies: int = 0
    indexed: int = 0
    failed: int = 0
    overdue_studies: int = 0
    unannounced: int = 0
    marked_again: int = 0
    orphans: int = 0
    unnamed_metadata: int = 0
    strangers: int = 0
    failed_studies: list[str] = field(default_factory=list)

    def add(self, other: "Reconciled") -> None:
        """Count what another part of the pass found."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))
        del self.failed_studies[_NAMED_AT_MOST:]

    def as_counts(self) -> dict[str, int | list[str]]:
        """As a row or a document has it."""
        return asdict(self)


@dataclass
class Pass:
    """One comparison of a whole space, in as many slices as it takes.

    Attributes
    ----------
    token
        Of the slice at work; who has another one has been overtaken.
    position
        Behind which the next slice goes on: in the bucket a Study Instance UID,
        in the manifest a place of its own words.
    """

    space: str
    token: str
    began_at: datetime
    phase: Phase = Phase.BUCKET
    position: str = ""
    ended_at: datetime | None = None
    found: Reconciled = field(default_factory=Reconciled)
