"""What nobody will ever look for again: left by those who died or lost a race.

Only what is older than a day is looked at: others are still to be named.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.reconciliation import Reconciled
from imaging.model.revision import Revision
from imaging.pipeline.revision_archive import RevisionArchive
from imaging.pipeline.study_objects import SIDECARS, StudyObjects
from imaging.ports.manifest import StudyFence
from imaging.ports.objects import ListedVersion, ObjectListing, ObjectStore
from imaging.ports.reconciliation import KnownStudy

_OLD = timedelta(days=1)
_DRAFT = re.compile(r"drafts/([^/]+)/(\d{8})-([^/]+)\.json\.gz\Z")


class Orphans:
    """Finds them, and removes what can never be named again."""

    def __init__(
        self,
        objects: ObjectStore,
        listing: ObjectListing,
        archive: RevisionArchive,
        fence: StudyFence,
        clock: Callable[[], datetime],
    ) -> None:
        self._objects = objects
        self._listing = listing
        self._archive = archive
        self._fence = fence
        self._clock = clock

    def of_study(self, found: StudyObjects, known: KnownStudy) -> Reconciled:
        """Remove what lies beside versions that are gone for good; count metadata of series that nothing names.

        A sidecar belongs to one version of an instance, and no version comes
        again. Metadata of a series is named by what it holds: a study that
        comes back to the same instances names it again, and so it stays.
        """
        versions = (version for of_instance in found.instances.values() for version in of_instance)
        stems = {_stem(version.object_key, version.version_id) for version in versions}
        sidecars = [each for each in self._old(found.sidecars) if _without_ending(each.object_key) not in stems]
        metadata = [each for each in self._old(found.series_metadata) if each.object_key not in known.series_metadata]
        if not (sidecars or metadata):
            return Reconciled()
        named: set[str] = set()
        for number in found.revisions:
            if revision := self._archive.read(found.study, number):
                named.update(_named_by(revision))
        orphans = [each for each in sidecars if _without_ending(each.object_key) not in named]
        for orphan in orphans:
            self._objects.remove_version(found.study.space, orphan.object_key, orphan.version_id)
        return Reconciled(orphans=len(orphans), unnamed_metadata=sum(each.object_key not in named for each in metadata))

    def drafts(self, space: str) -> Reconciled:
        """Keep what was committed and has not got its final key; drop the drafts that lost."""
        dropped = 0
        for draft in self._old(self._listing.all_versions(space, "drafts/")):
            match = _DRAFT.match(draft.object_key)
            if match is None or draft.is_delete_marker or not draft.is_latest:
                continue
            study, number, claim = StudyKey(space, match[1]), int(match[2]), match[3]
            committed = self._fence.read_revision(study, number)
            if committed and committed.claim == claim:
                self._archive.keep(committed)
            else:
                self._archive.drop_draft(study, number, claim)
                dropped += 1
        return Reconciled(orphans=dropped)

    def _old(self, versions: Iterable[ListedVersion]) -> Iterator[ListedVersion]:
        return (version for version in versions if version.last_modified < self._clock() - _OLD)


def _stem(object_key: str, version_id: str) -> str:
    return f"{object_key.removesuffix('.dcm')}.{version_id}"


def _without_ending(object_key: str) -> str:
    for ending in SIDECARS:
        object_key = object_key.removesuffix(ending)
    return object_key


def _named_by(revision: Revision) -> Iterator[str]:
    for series in revision.series:
        yield series.metadata_key
        for instance in series.instances:
            key = InstanceKey(
                revision.study.space,
                revision.study.study_instance_uid,
                series.series_instance_uid,
                instance.sop_instance_uid,
            )
            yield _stem(key.object_key, instance.version_id)
