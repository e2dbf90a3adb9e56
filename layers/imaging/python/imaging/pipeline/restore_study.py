"""Rows of a study that were lost come back from its revisions and its objects.

Only revisions under their final keys count. What happened after the last of
them is not restored but indexed again, as any change is.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from imaging.dicom.json_model import to_dicom_json
from imaging.dicom.outline import read_outline
from imaging.errors import Unavailable
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Action
from imaging.model.revision import Revision, RevisionInstance
from imaging.pipeline.index_instance import instance_of, keep_metadata
from imaging.pipeline.keep_pixel_layout import with_pixel_layout
from imaging.pipeline.object_source import PREFIX_BYTES, ObjectSource
from imaging.pipeline.revision_archive import RevisionArchive
from imaging.ports.manifest import Change, StudyFence, StudyRestoration
from imaging.ports.objects import ObjectStore
from imaging.settings import QueryTag

_REVISION_KEY = re.compile(r"studies/[^/]+/revisions/(\d{8})\.json\.gz\Z")


class RestoreStudy:
    """Restores one study, if the manifest knows fewer revisions than the bucket."""

    def __init__(
        self,
        objects: ObjectStore,
        archive: RevisionArchive,
        fence: StudyFence,
        restoration: StudyRestoration,
        query_tags: Sequence[QueryTag] = (),
    ) -> None:
        self._objects = objects
        self._archive = archive
        self._fence = fence
        self._restoration = restoration
        self._query_tags = query_tags

    def __call__(self, study: StudyKey, object_keys: Iterable[str]) -> bool:
        """Restore the study; `object_keys` are those below its prefix. True if anything was missing."""
        numbers = sorted(int(match[1]) for key in object_keys if (match := _REVISION_KEY.match(key)))
        row = self._fence.read_study(study)
        if not numbers or (row is not None and row.revision >= numbers[-1]):
            return False
        revisions = [self._revision(study, number) for number in numbers]
        self._restoration.restore(revisions, self._instances(revisions))
        return True

    def _revision(self, study: StudyKey, number: int) -> Revision:
        revision = self._archive.read(study, number)
        if revision is None:
            raise Unavailable("A revision disappeared while its study was restored; it is tried again.")
        return revision

    def _instances(self, revisions: list[Revision]) -> list[Change]:
        rows: dict[InstanceKey, Change] = {}
        last_seen: dict[InstanceKey, RevisionInstance] = {}
        for revision in revisions:
            for deleted in revision.deletions:
                key = InstanceKey(
                    revision.study.space,
                    revision.study.study_instance_uid,
                    deleted.series_instance_uid,
                    deleted.sop_instance_uid,
                )
                seen = replace(last_seen.pop(key), change_number=deleted.change_number, action=Action.DELETE)
                rows[key] = self._row(key, seen)
            last_seen |= _instances_of(revision)
        rows |= {key: self._row(key, seen) for key, seen in last_seen.items()}
        return list(rows.values())

    def _row(self, key: InstanceKey, seen: RevisionInstance) -> Change:
        found = self._objects.read(key.space, key.object_key, last=PREFIX_BYTES - 1, version_id=seen.version_id)
        if found is None:
            raise Unavailable(
                "An object version that a revision names is gone; the study cannot be restored as it was."
            )
        stored, prefix = found
        outline = read_outline(ObjectSource(self._objects, key, stored, prefix))
        metadata = to_dicom_json(outline.header, further=outline.further)
        instance = instance_of(key, outline.header, stored, metadata, seen.change_number, seen.action, self._query_tags)
        instance = with_pixel_layout(self._objects, instance, outline)
        return Change(None, instance, keep_metadata(self._objects, instance, metadata))


def _instances_of(revision: Revision) -> dict[InstanceKey, RevisionInstance]:
    return {
        InstanceKey(
            revision.study.space,
            revision.study.study_instance_uid,
            series.series_instance_uid,
            instance.sop_instance_uid,
        ): instance
        for series in revision.series
        for instance in series.instances
    }
