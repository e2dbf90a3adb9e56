"""One study: its objects against its rows, both ways."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.reconciliation import Reconciled
from imaging.model.study import StudyState
from imaging.pipeline.index_instance import IndexInstance
from imaging.pipeline.large_deletion import LargeDeletions
from imaging.pipeline.orphans import Orphans
from imaging.pipeline.restore_study import RestoreStudy
from imaging.pipeline.study_objects import StudyObjects
from imaging.ports.manifest import StudyDeletions
from imaging.ports.objects import ListedVersion
from imaging.ports.reconciliation import KnownStudy, ManifestSurvey

_OVERDUE = timedelta(hours=1)
_INDEXED_AT_A_TIME = 500


class ReconcileStudy:
    """Restores what was lost, indexes what differs, and looks for what was left."""

    def __init__(
        self,
        survey: ManifestSurvey,
        index: IndexInstance,
        restore: RestoreStudy,
        orphans: Orphans,
        large_deletions: LargeDeletions,
        deletions: StudyDeletions,
        clock: Callable[[], datetime],
    ) -> None:
        self._survey = survey
        self._index = index
        self._restore = restore
        self._orphans = orphans
        self._large_deletions = large_deletions
        self._deletions = deletions
        self._clock = clock

    def __call__(self, study: StudyKey, versions: Iterable[ListedVersion]) -> Reconciled:
        """Compare a study.

        Parameters
        ----------
        versions
            All that lie below its prefix, in the order of a listing.

        Raises
        ------
        Unavailable
            It could not be compared now.
        """
        objects = StudyObjects.of(study, versions)
        found = Reconciled(instances=len(objects.instances), strangers=objects.strangers)
        found.studies = int(bool(objects.instances or objects.revisions))
        known = self._survey.read(study, objects.instances)
        if self._restore(objects, known):
            found.restored_studies = 1
            known = self._survey.read(study, objects.instances)
        for object_key, rejected in objects.refused:
            self._index.refuse(study.space, object_key, rejected)
        self._bring_up(_differing(objects, known), found)
        if objects.deletion_is_under_way:
            self._resume_deletion(study)
        found.add(self._orphans.of_study(objects, known))
        self._look_after_marks(known, found)
        return found

    def lost_whole(self, study: StudyKey) -> Reconciled:
        """Index a study of which the bucket has nothing any more, not even delete markers."""
        found = Reconciled()
        known = self._survey.read(study, ())
        self._bring_up([key for key, row in known.instances.items() if not row.deleted], found)
        return found

    def _bring_up(self, keys: list[InstanceKey], found: Reconciled) -> None:
        for start in range(0, len(keys), _INDEXED_AT_A_TIME):
            some = keys[start : start + _INDEXED_AT_A_TIME]
            failures = self._index(some)
            found.indexed += len(some) - len(failures)
            found.failed += len(failures)

    def _resume_deletion(self, study: StudyKey) -> None:
        """Let the finalizer go on with a deletion whose marks were lost, or never came to be."""
        for scope, until in self._large_deletions.under_way(study).until.items():
            self._deletions.mark(study, scope, until, self._clock(), is_unfinished=True)

    def _look_after_marks(self, known: KnownStudy, found: Reconciled) -> None:
        long_ago = self._clock() - _OVERDUE
        row = known.row
        found.overdue_studies += bool(row and row.state is not StudyState.FINAL and row.last_change_at < long_ago)
        found.unannounced += sum(
            1 for each in known.instances.values() if each.untold_since and each.untold_since < long_ago
        )
        found.marked_again += self._survey.mark_again(known, self._clock())


def _differing(objects: StudyObjects, known: KnownStudy) -> list[InstanceKey]:
    """Instances whose latest version is not their row's, and rows whose object is gone without a delete marker."""
    latest = {
        key: "" if versions[0].is_delete_marker else versions[0].version_id
        for key, versions in objects.instances.items()
    }
    rows = {key: "" if row.deleted else row.version_id for key, row in known.instances.items()}
    return sorted(key for key in latest.keys() | rows.keys() if latest.get(key, "") != rows.get(key, ""))
