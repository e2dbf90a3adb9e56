"""Stage 3: turn a study that is taken to be complete into its next revision, behind the fence.

1. Claim the study as it was read.
2. Read all of it; equal to the last revision: close it without a new one.
3. Leave the revision as a draft, commit under the claim, and only then give
   the draft its final key. A commit fails when anything changed since the
   study was read; then the draft is dropped and the study waits again.

Only the longest wait asks for less: what was read is the revision even if more
has changed since, and the study stays open for that.

Any step may be the last one that happens: a draft without a commit is never
looked at, a commit without a final key is completed by whoever announces it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from imaging.errors import Unavailable
from imaging.model.completion import SETTLE, CompletionReason, Completions, Due, hint_holds
from imaging.model.identifiers import StudyKey
from imaging.model.revision import Revision
from imaging.model.study import Study, StudyState
from imaging.pipeline.compare_study import CompareStudy
from imaging.pipeline.make_revision import revision_of, series_as_counted
from imaging.pipeline.revision_archive import RevisionArchive
from imaging.pipeline.series_metadata import SeriesMetadata
from imaging.ports.manifest import CommittedRevision, StudyFence
from imaging.ports.outside import StudyTimer
from imaging.settings import QueryTag, Space

_PATIENCE = timedelta(minutes=10)
_LONGEST_RUN = timedelta(minutes=2, seconds=30)  # more than the two minutes that the finalizer's function may run


class Finalized(StrEnum):
    """What became of a study whose timer fell due."""

    NOT_KNOWN_YET = "not known yet"
    NOTHING_OPEN = "nothing open"
    NOT_DUE_YET = "not due yet"
    STILL_INDEXING = "still indexing"
    OVERTAKEN = "overtaken"
    UNCHANGED = "unchanged"
    REVISED = "revised"


class FinalizeStudy:
    """Finalizes one study.

    Parameters
    ----------
    compare
        Tells whether something is stored or deleted and not indexed yet: a
        study is not complete while what was acknowledged waits in the queue.
    quiet
        How long nothing must have changed.
    spaces
        What each space has to say on completion beside that.
    new_claim
        Makes a token nobody else has.
    query_tags
        Further attributes that studies and series are searched by.
    """

    def __init__(
        self,
        fence: StudyFence,
        compare: CompareStudy,
        archive: RevisionArchive,
        series_metadata: SeriesMetadata,
        timer: StudyTimer,
        *,
        quiet: timedelta,
        clock: Callable[[], datetime],
        new_claim: Callable[[], str],
        spaces: Mapping[str, Space] | None = None,
        query_tags: Sequence[QueryTag] = (),
    ) -> None:
        self._fence = fence
        self._compare = compare
        self._archive = archive
        self._series_metadata = series_metadata
        self._timer = timer
        self._completions = Completions(quiet, spaces or {})
        self._clock = clock
        self._new_claim = new_claim
        self._query_tags = query_tags

    def __call__(self, key: StudyKey, released_at: datetime | None = None) -> Finalized:
        """Write the study's next revision if it is time; safe to repeat and to race.

        Parameters
        ----------
        released_at
            When an association was released that stored something of it: a
            hint to note before looking. `Finalized.NOT_KNOWN_YET` if there is
            no row yet to note it on.
        """
        if released_at and not self._fence.note_release(key, released_at):
            return Finalized.NOT_KNOWN_YET
        study = self._fence.read_study(key)
        if study is None or study.state is StudyState.FINAL:
            return Finalized.NOTHING_OPEN
        completion, now = self._completions.of(key.space), self._clock()
        reason = completion.reason(study, now)
        if reason is None:
            self._timer.arm(key, study.changes, self._completions.due(study))
            return Finalized.NOT_DUE_YET
        is_lasting = completion.has_waited_longest(study, now)
        if is_lasting and self._is_being_worked_on(study):
            return Finalized.OVERTAKEN
        claim = self._new_claim()
        if not self._fence.claim(study, claim, self._clock(), however_changed=is_lasting):
            return self._wait_again(key)
        return self._finalize(study, claim, reason, is_lasting=is_lasting)

    def _is_being_worked_on(self, study: Study) -> bool:
        """Whether another finalizer may still commit; taken over on every change, none would ever come to its end."""
        if study.claim is None or study.claimed_at is None:
            return False
        ends_at = study.claimed_at + _LONGEST_RUN
        if self._clock() >= ends_at:
            return False
        self._timer.arm(study.key, study.changes, Due(ends_at, ends_at))
        return True

    def _finalize(self, study: Study, claim: str, reason: CompletionReason, *, is_lasting: bool) -> Finalized:
        series_rows = self._fence.read_series(study.key)
        rows = self._fence.read_instances(study.key)
        if not hint_holds(reason, study, rows):
            if not is_lasting:
                self._fence.let_go(study, claim, forget_hints=True)
                return self._wait_again(study.key)
            reason = CompletionReason.LONGEST_WAIT
        is_all = self._compare(study, rows, waits=not is_lasting and self._waits(study))
        if not is_all and is_lasting:
            rows = self._fence.read_instances(study.key)  # what is gone was recorded; what goes now, goes on
            is_lasting = not any(study.deletions.hides(row) for row in rows if not row.deleted)
        if not is_all and not is_lasting:
            return self._index_first(study, claim, reason)
        before = self._last_revision(study)
        revision = revision_of(study, rows, before, self._clock(), reason, self._query_tags)
        self._series_metadata.consolidate(revision, rows)
        if is_all:
            self._fence.note_series(study, claim, series_as_counted(revision, series_rows))
        if revision.is_change:
            if self._archive.has(study.key, revision.number):
                raise Unavailable("The bucket has revisions that the manifest does not know; run `imaging reconcile`.")
            self._archive.write_draft(revision, claim)
        if not (is_all and self._ends(study, claim, revision)) and not (
            is_lasting and self._fence.keep_open(study, claim, revision, self._clock())
        ):
            if revision.is_change:
                self._archive.drop_draft(study.key, revision.number, claim)
            self._fence.let_go(study, claim)
            return self._wait_again(study.key)
        if not revision.is_change:
            return Finalized.UNCHANGED
        self._archive.keep(
            CommittedRevision(study.key, revision.number, revision.created_at, claim, revision.counts, reason)
        )
        return Finalized.REVISED

    def _ends(self, study: Study, claim: str, revision: Revision) -> bool:
        """Make the study final, if it is still what was read."""
        if revision.is_change:
            return self._fence.commit(study, claim, revision)
        return self._fence.close(study, claim, revision)

    def _waits(self, study: Study) -> bool:
        """What is not indexed after so long is in the dead-letter queue, and will make another revision."""
        quiet = self._completions.of(study.key.space).quiet
        return self._clock() <= study.last_change_at + quiet + _PATIENCE

    def _index_first(self, study: Study, claim: str, reason: CompletionReason) -> Finalized:
        """Look again: after a hint soon, then after as long as that has been waited for, up to the quiet period."""
        now, completion = self._clock(), self._completions.of(study.key.space)
        again_at = now + completion.quiet
        if reason in (CompletionReason.ASSOCIATION_RELEASED, CompletionReason.EXPECTED_INSTANCES):
            again_at = min(again_at, now + max(SETTLE, now - completion.due(study).at))
        self._fence.let_go(study, claim)
        self._timer.arm(study.key, study.changes, Due(again_at, again_at), attempt=int(now.timestamp()))
        return Finalized.STILL_INDEXING

    def _last_revision(self, study: Study) -> Revision | None:
        if not study.revision:
            return None
        committed = self._fence.read_revision(study.key, study.revision)
        last = self._archive.read_committed(committed) if committed else None
        if last is None:
            raise Unavailable("The study's last revision is not in the bucket; run `imaging reconcile`.")
        return last

    def _wait_again(self, key: StudyKey) -> Finalized:
        study = self._fence.read_study(key)
        if study is not None and study.state is not StudyState.FINAL:
            due, now = self._completions.due(study), self._clock()
            # What is overdue has had its timer.
            self._timer.arm(key, study.changes, due, attempt=int(now.timestamp()) if due.at <= now else 0)
        return Finalized.OVERTAKEN
