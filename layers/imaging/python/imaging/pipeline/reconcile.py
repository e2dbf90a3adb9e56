"""Bring the manifest to what the bucket holds: S3 is the truth, whatever was lost on the way.

It walks the bucket in the order of its keys, study by study, and compares each
instance's latest version with its row; what differs goes through stage 2, as if
its event had come again. Studies that the bucket has lost whole are found from
the manifest's side.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from imaging.errors import Rejected, Unavailable
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.pipeline.index_instance import IndexInstance
from imaging.pipeline.large_deletion import LargeDeletions, study_of_large_deletion
from imaging.pipeline.restore_study import RestoreStudy
from imaging.ports.manifest import StudyDeletions, StudyFence, StudyRestoration
from imaging.ports.objects import ListedVersion, ObjectListing


@dataclass
class Reconciled:
    """What was compared and what differed; counts."""

    studies: int = 0
    instances: int = 0
    restored_studies: int = 0
    indexed: int = 0
    failed: int = 0
    failed_studies: list[str] = field(default_factory=list)
    last_study: str = ""


class Reconcile:
    """Compares one space's bucket with its manifest, both ways."""

    def __init__(
        self,
        listing: ObjectListing,
        fence: StudyFence,
        restoration: StudyRestoration,
        index: IndexInstance,
        restore: RestoreStudy,
        large_deletions: LargeDeletions,
        deletions: StudyDeletions,
        clock: Callable[[], datetime],
    ) -> None:
        self._listing = listing
        self._fence = fence
        self._restoration = restoration
        self._index = index
        self._restore = restore
        self._large_deletions = large_deletions
        self._deletions = deletions
        self._clock = clock

    def __call__(
        self, space: str, *, after_study: str = "", progress: Callable[[Reconciled], None] = lambda _: None
    ) -> Reconciled:
        """Reconcile the space.

        Parameters
        ----------
        after_study
            The `last_study` of a run that was interrupted; the walk goes on behind it.
        progress
            Called after each study.
        """
        result = Reconciled()
        start_after = f"studies/{after_study}/~" if after_study else ""
        listed = self._listing.latest_versions(space, "studies/", start_after)
        for study_instance_uid, versions in groupby(listed, key=_study_of):
            try:
                self._reconcile_study(StudyKey(space, study_instance_uid), list(versions), result)
            except Unavailable:
                result.failed_studies.append(study_instance_uid)
            result.last_study = study_instance_uid
            progress(result)
        for study in self._restoration.studies_of(space):
            self._reconcile_rows(study, result)
        return result

    def _reconcile_study(self, study: StudyKey, versions: list[ListedVersion], result: Reconciled) -> None:
        result.studies += 1
        if self._restore(study, [version.object_key for version in versions if not version.is_delete_marker]):
            result.restored_studies += 1
        rows = {row.key: row for row in self._fence.read_instances(study)}
        differing = []
        for key, version in self._instances_of(study.space, versions):
            result.instances += 1
            row = rows.get(key)
            known = "" if row is None or row.deleted else row.version_id
            if known != ("" if version.is_delete_marker else version.version_id):
                differing.append(key)
        self._bring_up(differing, result)
        if any(
            study_of_large_deletion(study.space, each.object_key) and not each.is_delete_marker for each in versions
        ):
            self._resume_deletion(study)

    def _resume_deletion(self, study: StudyKey) -> None:
        """Let the finalizer go on with a deletion whose marks were lost, or never came to be."""
        for scope, until in self._large_deletions.under_way(study).until.items():
            self._deletions.mark(study, scope, until, self._clock(), is_unfinished=True)

    def _instances_of(
        self, space: str, versions: Iterable[ListedVersion]
    ) -> Iterator[tuple[InstanceKey, ListedVersion]]:
        for version in versions:
            try:
                key = InstanceKey.of_object(space, version.object_key)
            except Rejected as rejected:
                if not version.is_delete_marker:
                    self._index.refuse(space, version.object_key, rejected)
                continue
            if key:
                yield key, version

    def _reconcile_rows(self, study: StudyKey, result: Reconciled) -> None:
        """Rows whose object is gone without even a delete marker."""
        present = {
            version.object_key for version in self._listing.latest_versions(study.space, f"{study.prefix}series/")
        }
        lost = [
            row.key
            for row in self._fence.read_instances(study)
            if not row.deleted and row.key.object_key not in present
        ]
        self._bring_up(lost, result)

    def _bring_up(self, keys: list[InstanceKey], result: Reconciled) -> None:
        failures = self._index(keys)
        result.indexed += len(keys) - len(failures)
        result.failed += len(failures)


def _study_of(version: ListedVersion) -> str:
    return version.object_key.split("/")[1]
