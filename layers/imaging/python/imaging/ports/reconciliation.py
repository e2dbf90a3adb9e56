"""What `reconcile` reads of the manifest, and where it notes how far it has come."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.reconciliation import Pass
from imaging.model.study import Study


@dataclass(frozen=True)
class KnownInstance:
    """What an INSTANCE row says.

    Attributes
    ----------
    untold_since
        Since when a change of it is marked to be told; None if none is.
    has_lost_mark
        Whether it has something to tell, and no mark that says so.
    """

    key: InstanceKey
    change_number: int
    version_id: str
    deleted: bool
    untold_since: datetime | None
    has_lost_mark: bool


@dataclass(frozen=True)
class KnownStudy:
    """What the rows of a study say; they may be a moment old.

    Attributes
    ----------
    row
        None if there is no STUDY row.
    series_metadata
        The objects that its SERIES rows name.
    has_lost_mark
        Whether it is to be finalized, and no mark says so.
    """

    key: StudyKey
    row: Study | None
    instances: Mapping[InstanceKey, KnownInstance]
    series_metadata: frozenset[str]
    has_lost_mark: bool


class ManifestSurvey(Protocol):
    """Reads as cheaply as it can be done."""

    def read(self, study: StudyKey, listed: Collection[InstanceKey]) -> KnownStudy:
        """All rows of a study.

        Parameters
        ----------
        listed
            The instances that the bucket knows; where they are few and the study
            has no others, nothing else is read.
        """

    def studies_of(self, space: str, after: str = "") -> Iterator[tuple[str, StudyKey]]:
        """Studies that have instances, each with the position behind which a later call goes on."""

    def mark_again(self, known: KnownStudy, at: datetime) -> int:
        """Give marks to the rows that lost theirs, as of now; how many."""


class ReconcilePasses(Protocol):
    """The latest pass of each space; a slice holds it under a lease."""

    def read(self, space: str) -> Pass | None:
        """The pass under way or the last one."""

    def begin(self, space: str, at: datetime, leased_until: datetime) -> Pass:
        """Begin anew, whatever was under way; a slice at work finds itself overtaken."""

    def resume(self, under_way: Pass, at: datetime, leased_until: datetime) -> Pass | None:
        """Go on with a pass; None if somebody is at it, or has been since it was read."""

    def keep(self, under_way: Pass, leased_until: datetime) -> bool:
        """Note how far it has come; False if another slice has taken over."""
