"""A study and its series as the manifest keeps them, and the state of its fence."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from imaging.model.deletions import Deletions
from imaging.model.identifiers import StudyKey
from imaging.model.instance import DicomJson


class StudyState(StrEnum):
    """Where a study stands between two revisions."""

    OPEN = "open"
    """Something changed since the last revision."""
    FINALIZING = "finalizing"
    """A finalizer has claimed it."""
    FINAL = "final"
    """The last revision is the study."""


@dataclass(frozen=True)
class Study:
    """A study's row: what the fence compares, and what a search shows.

    Attributes
    ----------
    changes
        How many changes it has seen, ever: the sum of its instances' change
        numbers. The fence commits only what saw the latest.
    revision
        The number of its last revision; 0 before the first.
    claim, claimed_at
        The token of the finalizer at work and since when, None otherwise.
    series, instances
        How many it has now, without tombstones.
    modalities
        Sorted, of the series it has now.
    attributes
        Patient and study attributes of its most recently stored instance.
    deletions
        Which of its rows are hidden until they say that they are deleted.
    listings
        How the manifest lists it for searches, in the manifest's own words.
    last_stored_at
        When a door took what was stored last since the last revision, as far
        as it is indexed; indexers that work side by side may leave an earlier
        moment. None if nothing was.
    released_at
        When the last association that stored something of it was released.
    expected_instances
        How many instances it shall have, as its sender says since the last
        revision.
    """

    key: StudyKey
    state: StudyState
    changes: int
    opened_at: datetime
    last_change_at: datetime
    revision: int
    claim: str | None
    series: int
    instances: int
    modalities: tuple[str, ...]
    attributes: DicomJson
    deletions: Deletions = field(default_factory=Deletions)
    listings: str = ""
    last_stored_at: datetime | None = None
    released_at: datetime | None = None
    expected_instances: int | None = None
    claimed_at: datetime | None = None


@dataclass(frozen=True)
class Series:
    """A series' row.

    Attributes
    ----------
    changes
        How many changes its instances have seen.
    metadata_key
        The object that holds the DICOM JSON of all its instances, gzipped, as
        it was when `changes` stood at `metadata_changes`; None before the
        study's first revision.
    """

    study: StudyKey
    series_instance_uid: str
    instances: int
    changes: int
    attributes: DicomJson
    metadata_key: str | None = None
    metadata_changes: int = 0

    @property
    def finished_metadata_key(self) -> str | None:
        """The consolidated metadata, if it still speaks of all the series."""
        return self.metadata_key if self.metadata_changes == self.changes else None
