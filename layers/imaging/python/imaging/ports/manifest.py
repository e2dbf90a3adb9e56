"""The manifest: what is stored, in which state, and what is still to be told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from imaging.model.completion import CompletionReason
from imaging.model.events import RevisionCounts
from imaging.model.feed import FeedBatch
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Instance
from imaging.model.revision import Revision
from imaging.model.study import Series, Study


@dataclass(frozen=True)
class Change:
    """A row as it was read, and as it shall be.

    Attributes
    ----------
    metadata
        The DICOM JSON of a new version, gzipped; None if there is no new
        version, or if its metadata lies in `Instance.spilled_metadata_key`.
    """

    before: Instance | None
    after: Instance
    metadata: bytes | None

    @property
    def is_told(self) -> bool:
        """Whether anyone but us can see a difference: the same bytes under a new version id are none."""
        return self.before is None or self.before.change_number != self.after.change_number


class InstanceIndex(Protocol):
    """What stage 2 needs. All reads are consistent."""

    def read_instance(self, key: InstanceKey) -> Instance | None:
        """The instance's row, tombstones included."""

    def record_changes(self, changes: Sequence[Change], at: datetime) -> list[Change]:
        """Write changes of one study and count them on it, all or nothing per transaction.

        Each row is written only if it still is as it was read.

        Returns
        -------
        list
            The changes that were not written because the row moved on; read
            again and repeat.
        """


@dataclass(frozen=True)
class CommittedRevision:
    """The row of a revision: what an event says, and where the draft lies."""

    study: StudyKey
    number: int
    created_at: datetime
    claim: str
    counts: RevisionCounts
    reason: CompletionReason = CompletionReason.QUIET


class StudyDeletions(Protocol):
    """What was deleted, told before the rows say so."""

    def mark(self, study: StudyKey, scope: str, until: datetime, at: datetime, *, is_unfinished: bool = False) -> None:
        """Hide the scope's rows of what was stored until then, and open the study for a revision.

        It hides rows that are written later too: an indexer may have read the
        object before it was deleted. A study that nobody has indexed yet gets a
        row for it.

        Parameters
        ----------
        scope
            As `imaging.model.deletions.scope_of` names it.
        at
            Now; the study is quiet from here on.
        is_unfinished
            Whether objects are left that have no delete marker yet.
        """

    def lease(self, study: Study, until: datetime) -> bool:
        """Be the one that deletes objects until then; False if it moved on since the study was read."""


class StudyFence(Protocol):
    """What stage 3 needs. All reads are consistent."""

    def read_study(self, study: StudyKey) -> Study | None:
        """The study's row."""

    def read_series(self, study: StudyKey) -> list[Series]:
        """Rows of the study's series, the emptied ones included."""

    def read_instances(self, study: StudyKey) -> list[Instance]:
        """Rows of all the study's instances, tombstones included."""

    def read_revision(self, study: StudyKey, number: int) -> CommittedRevision | None:
        """The row of a revision."""

    def note_release(self, study: StudyKey, released_at: datetime) -> bool:
        """Note that an association which stored something of it was released; False if it has no row yet."""

    def claim(self, study: Study, claim: str, at: datetime, *, however_changed: bool = False) -> bool:
        """Take the study for the next revision; False if it moved on since it was read.

        However it has changed, there is a revision of what is read from here on.
        """

    def let_go(self, study: Study, claim: str, *, forget_hints: bool = False) -> None:
        """Give back a claim that came to nothing, and with it the hints that the study was read with."""

    def close(self, study: Study, claim: str, unchanged: Revision) -> bool:
        """Make the study final without a new revision, its counts those of `unchanged`; False if it moved on.

        As `commit` it ends the study's deletions, and a further deletion is a move.
        """

    def commit(self, study: Study, claim: str, revision: Revision) -> bool:
        """Make the study final at `revision`; False if it moved on."""

    def keep_open(self, study: Study, claim: str, revision: Revision, at: datetime) -> bool:
        """Commit `revision`, if it is a change, of a study that goes on changing, and let it wait anew from `at`.

        False if another one has claimed it since.
        """

    def note_series(self, study: Study, claim: str, series: Sequence[Series]) -> None:
        """Set counts, attributes and metadata key of series, unless they or the study moved on.

        What has lost its claim read rows that may have been rewritten since.
        """

    def read_metadata(self, instances: Sequence[Instance]) -> dict[InstanceKey, bytes]:
        """The gzipped DICOM JSON of those whose metadata the manifest keeps; the others' is spilled."""


class PendingKind(StrEnum):
    """Work that a crash can leave behind; each is a mark on the row it concerns."""

    FINALIZE = "finalize"
    ANNOUNCE_CHANGE = "announce-change"
    ANNOUNCE_FEED = "announce-feed"
    ANNOUNCE_REVISION = "announce-revision"
    PUBLISH = "publish"
    COMMIT = "commit"
    """A request for storage commitment, `imaging.ports.commitments`; the sweep leaves it alone."""


class PendingWork(Protocol):
    """The marks, and how they are removed."""

    def open_studies(self, opened_before: datetime) -> Iterable[StudyKey]:
        """Studies without a revision of their latest change."""

    def spaces_of_open_studies(self, at_most: int) -> list[str]:
        """The space of each study without a revision of its latest change, of some if there are more."""

    def unannounced_changes(self, before: datetime) -> Iterable[InstanceKey]:
        """Instances with changes that the feed has not taken."""

    def unannounced_batches(self, before: datetime) -> Iterable[FeedBatch]:
        """Batches of the feed that no event has told."""

    def unannounced_revisions(self, before: datetime) -> Iterable[CommittedRevision]:
        """Revisions that no event has told."""

    def unpublished_revisions(self, before: datetime) -> Iterable[CommittedRevision]:
        """Revisions that were announced and have not reached FHIR."""

    def study_rearmed(self, study: StudyKey, at: datetime) -> None:
        """Let a mark for finalizing wait anew from `at`."""

    def batch_announced(self, batch: FeedBatch) -> None:
        """Remove the mark of a batch of the feed."""

    def revision_announced(self, revision: CommittedRevision, at: datetime) -> None:
        """Turn the mark into one for publishing where a FHIR server is configured, else remove it."""

    def revision_announced_again(self, revision: CommittedRevision, at: datetime) -> None:
        """Let a mark for publishing wait anew from `at`."""

    def revision_published(self, study: StudyKey, number: int) -> None:
        """Remove the mark of a revision."""


class StudyRestoration(Protocol):
    """What `reconcile` needs beside the stages: to bring lost rows back."""

    def restore_metadata(self, versions: Sequence[Change]) -> None:
        """Put back the metadata of versions of instances, where the manifest keeps it."""

    def restore_instances(self, instances: Sequence[Instance]) -> None:
        """Put back rows of instances as the last revision left them, tombstones included."""

    def restore_study(self, revisions: Sequence[Revision]) -> None:
        """Put back all else of a study whose instances are restored; its own row comes last.

        Parameters
        ----------
        revisions
            All of the study, oldest first; attributes of instances are not looked at.
        """
