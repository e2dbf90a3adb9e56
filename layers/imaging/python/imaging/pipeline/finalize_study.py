"""Stage 3: turn a study that has been quiet into its next revision, behind the fence.

1. Claim the study as it was read.
2. Read all of it; equal to the last revision: close it without a new one.
3. Leave the revision as a draft, commit under the claim, and only then give
   the draft its final key. A commit fails when anything changed since the
   study was read; then the draft is dropped and the study waits again.

Any step may be the last one that happens: a draft without a commit is never
looked at, a commit without a final key is completed by whoever announces it.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from imaging.dicom.attributes import instance_level, series_level, study_level, text
from imaging.errors import Unavailable
from imaging.model.identifiers import StudyKey
from imaging.model.instance import Instance
from imaging.model.revision import Revision, RevisionInstance, RevisionSeries, changes_between
from imaging.model.study import Series, Study, StudyState
from imaging.pipeline.compare_study import CompareStudy
from imaging.pipeline.revision_archive import RevisionArchive
from imaging.pipeline.series_metadata import SeriesMetadata
from imaging.ports.manifest import CommittedRevision, StudyFence
from imaging.ports.outside import StudyTimer
from imaging.settings import QueryTag

MODALITY = "00080060"

_PATIENCE = timedelta(minutes=10)


class Finalized(StrEnum):
    """What became of a study whose timer fell due."""

    NOTHING_OPEN = "nothing open"
    NOT_QUIET_YET = "not quiet yet"
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
        study is not quiet while what was acknowledged waits in the queue.
    quiet
        How long nothing must have changed.
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
        query_tags: Sequence[QueryTag] = (),
    ) -> None:
        self._fence = fence
        self._compare = compare
        self._archive = archive
        self._series_metadata = series_metadata
        self._timer = timer
        self._quiet = quiet
        self._clock = clock
        self._new_claim = new_claim
        self._query_tags = query_tags

    def __call__(self, key: StudyKey) -> Finalized:
        """Write the study's next revision if it is time; safe to repeat and to race."""
        study = self._fence.read_study(key)
        if study is None or study.state is StudyState.FINAL:
            return Finalized.NOTHING_OPEN
        due_at = study.last_change_at + self._quiet
        if self._clock() < due_at:
            self._timer.arm(key, study.changes, due_at)
            return Finalized.NOT_QUIET_YET
        claim = self._new_claim()
        if not self._fence.claim(study, claim):
            return self._wait_again(key)
        return self._finalize(study, claim)

    def _finalize(self, study: Study, claim: str) -> Finalized:
        series_rows = self._fence.read_series(study.key)
        rows = self._fence.read_instances(study.key)
        if not self._compare(study, rows, waits=self._waits(study)):
            now = self._clock()
            self._timer.arm(study.key, study.changes, now + self._quiet, attempt=int(now.timestamp()))
            return Finalized.STILL_INDEXING
        revision = _revision_of(study, rows, self._last_revision(study), self._clock(), self._query_tags)
        self._series_metadata.consolidate(revision, rows)
        self._fence.note_series(study, claim, _series_as_counted(revision, series_rows))
        if not revision.is_change:
            closed = self._fence.close(study, claim, revision)
            return Finalized.UNCHANGED if closed else self._wait_again(study.key)
        if self._archive.has(study.key, revision.number):
            raise Unavailable("The bucket has revisions that the manifest does not know; run `imaging reconcile`.")
        self._archive.write_draft(revision, claim)
        if not self._fence.commit(study, claim, revision):
            self._archive.drop_draft(study.key, revision.number, claim)
            return self._wait_again(study.key)
        self._archive.keep(CommittedRevision(study.key, revision.number, revision.created_at, claim, revision.counts))
        return Finalized.REVISED

    def _waits(self, study: Study) -> bool:
        """What is not indexed after so long is in the dead-letter queue, and will make another revision."""
        return self._clock() <= study.last_change_at + self._quiet + _PATIENCE

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
            self._timer.arm(key, study.changes, study.last_change_at + self._quiet)
        return Finalized.OVERTAKEN


def _series_as_counted(revision: Revision, rows: list[Series]) -> list[Series]:
    """The series' rows as the revision counts them, with their consolidated metadata."""
    present = {series.series_instance_uid: series for series in revision.series}
    counted = []
    for row in rows:
        series = present.get(row.series_instance_uid)
        if series is None:
            counted.append(replace(row, instances=0))
        else:
            counted.append(
                replace(
                    row,
                    instances=len(series.instances),
                    metadata_key=series.metadata_key,
                    attributes=series.attributes,
                )
            )
    return counted


def _revision_of(
    study: Study, rows: list[Instance], before: Revision | None, now: datetime, query_tags: Sequence[QueryTag]
) -> Revision:
    additions, modifications, deletions = changes_between(before, rows)
    by_series: defaultdict[str, list[Instance]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.key):
        if not row.deleted:
            by_series[row.key.series_instance_uid].append(row)
    present = [row for of_series in by_series.values() for row in of_series]
    return Revision(
        study=study.key,
        number=study.revision + 1,
        created_at=now,
        changes=study.changes,
        additions=additions,
        modifications=modifications,
        deletions=deletions,
        attributes=study_level(newest(present).attributes, query_tags) if present else study.attributes,
        series=tuple(_revision_series(uid, of_series, query_tags) for uid, of_series in sorted(by_series.items())),
    )


def newest(instances: Sequence[Instance]) -> Instance:
    """The instance that speaks for its study or series: the one stored last."""
    return max(instances, key=lambda instance: (instance.arrival.stored_at, instance.key))


def _revision_series(
    series_instance_uid: str, instances: list[Instance], query_tags: Sequence[QueryTag]
) -> RevisionSeries:
    attributes = series_level(newest(instances).attributes, query_tags)
    return RevisionSeries(
        series_instance_uid=series_instance_uid,
        metadata_key=_metadata_key(instances),
        modality=text(attributes, MODALITY),
        attributes=attributes,
        instances=tuple(
            RevisionInstance(
                sop_instance_uid=instance.key.sop_instance_uid,
                sop_class_uid=instance.sop_class_uid,
                transfer_syntax_uid=instance.arrival.transfer_syntax_uid,
                version_id=instance.version_id,
                size_bytes=instance.size_bytes,
                data_set_digest=instance.arrival.data_set_digest,
                change_number=instance.change_number,
                action=instance.action,
                attributes=instance_level(instance.attributes, query_tags),
            )
            for instance in instances
        ),
    )


def _metadata_key(instances: list[Instance]) -> str:
    """Named by what it holds: a series that did not change keeps its object from revision to revision."""
    versions = json.dumps([[instance.key.sop_instance_uid, instance.version_id] for instance in instances])
    digest = hashlib.sha256(versions.encode()).hexdigest()[:32]
    key = instances[0].key
    return f"{key.study.prefix}series/{key.series_instance_uid}/metadata/{digest}.json.gz"
