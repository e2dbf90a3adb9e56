"""What is stored, as a reader finds it; nothing here writes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Instance
from imaging.model.revision import Revision
from imaging.model.study import Series, Study
from imaging.ports.manifest import CommittedRevision
from imaging.settings import QueryTag

LAST_REVISION = 99_999_999
"""No study has as many revisions."""


@dataclass(frozen=True)
class StudyListing:
    """What one index answers by itself; "" where it is left open.

    At most one of `patient_id`, `accession_number`, `name` and `modality` is given.

    Attributes
    ----------
    name
        The beginning of a component group of the patient's name, as
        `imaging.dicom.comparable_text` makes it.
    is_whole_name
        It is all of the group.
    first_date, last_date
        StudyDate as YYYYMMDD, both included.
    """

    patient_id: str = ""
    accession_number: str = ""
    name: str = ""
    is_whole_name: bool = False
    modality: str = ""
    first_date: str = ""
    last_date: str = ""


Place: TypeAlias = tuple[str, ...]
"""Where a study stands in a listing; the last is its UID. Of two studies the same in every listing of one kind."""


@dataclass(frozen=True)
class ListedStudy:
    """A study as a listing has it."""

    key: StudyKey
    place: Place


@dataclass(frozen=True)
class Location:
    """Where a UID was found: a series, or an instance of it."""

    study: StudyKey
    series_instance_uid: str
    sop_instance_uid: str | None


class Catalogue(Protocol):
    """Finds studies in a space, by indexes that may lag a moment behind."""

    def list_studies(
        self, space: str, listing: StudyListing, *, at_a_time: int, after: Place | None = None
    ) -> Iterator[ListedStudy]:
        """Studies, each once, read as the caller goes on.

        By StudyDate, newest first, those of one date by falling UID; where a
        name is listed by, by rising name, those of one name from the newest,
        then by rising UID.

        Parameters
        ----------
        at_a_time
            How many to read in one go.
        after
            Begin behind this place, which a study of the same listing had.
        """

    def locate(self, space: str, uid: str) -> list[Location]:
        """Every place of a Series or SOP Instance UID; none of a deleted one."""

    def read_studies(self, studies: Sequence[StudyKey]) -> list[Study]:
        """Rows in the order asked for; absent ones are left out, and those of which all was just deleted."""


class StudyContents(Protocol):
    """Reads one study. All reads are consistent: whoever heard of a change finds it.

    What was deleted is gone from them at once, whatever the rows still say.
    """

    def read_series(self, study: StudyKey) -> list[Series]:
        """Rows of the series that have instances, by UID."""

    def read_instances(
        self,
        study: StudyKey,
        series_instance_uid: str | None = None,
        *,
        at_a_time: int | None = None,
        after: tuple[str, str] | None = None,
    ) -> Iterator[Instance]:
        """Rows of the study or of one series by Series and SOP Instance UID, without tombstones.

        Parameters
        ----------
        at_a_time
            About how many rows to read in one go; None for a caller that wants all.
        after
            Begin behind these UIDs, of the same series where one is named.
        """

    def read_instances_at(self, keys: Sequence[InstanceKey]) -> list[Instance]:
        """Rows by key, in no order, without tombstones; absent ones are left out."""

    def read_metadata(self, instances: Sequence[Instance]) -> dict[InstanceKey, bytes]:
        """The gzipped DICOM JSON of those whose metadata the manifest keeps; the others' is spilled."""


@dataclass(frozen=True)
class QueryTags:
    """The extended query tags of a space.

    Attributes
    ----------
    ready
        Everything stored is indexed by these.
    pending
        What is stored is being indexed by these; how far, in percent.
    """

    ready: tuple[QueryTag, ...] = ()
    pending: Mapping[QueryTag, int] = field(default_factory=dict)


class QueryTagStates(Protocol):
    """Which extended query tags can be searched."""

    def read(self, space: str) -> QueryTags:
        """Those that are configured; what it says may be some seconds old."""


class StudyHistory(Protocol):
    """The rows of a study's revisions."""

    def read_study(self, study: StudyKey) -> Study | None:
        """The study's row, also when nothing of it is left."""

    def read_revisions(self, study: StudyKey, first: int = 1, last: int = LAST_REVISION) -> list[CommittedRevision]:
        """Rows of the study's revisions, oldest first; those numbered `first` to `last`, both included."""

    def read_revision(self, study: StudyKey, number: int) -> CommittedRevision | None:
        """The row of one revision."""


class RevisionSource(Protocol):
    """The revisions themselves."""

    def read_committed(self, committed: CommittedRevision) -> Revision | None:
        """The revision whole, from wherever it lies."""

    def read_entry(self, committed: CommittedRevision) -> dict[str, Any] | None:
        """No more of it than its entry in the study's history."""
