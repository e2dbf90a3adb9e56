"""Rows of a study that were lost come back from its revisions and its objects.

Only revisions under their final keys count. What happened after the last of
them is not restored but indexed again, as any change is; but what came and went
without a revision seeing it has left versions and delete markers, and comes
back as it ended. Of a study that came and went before its first revision
nothing comes back: it has no history.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from imaging.dicom.json_model import to_dicom_json
from imaging.dicom.outline import read_outline
from imaging.errors import Rejected, Unavailable
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Action
from imaging.model.revision import Revision
from imaging.model.study import Study
from imaging.pipeline.index_instance import instance_of, keep_metadata
from imaging.pipeline.instance_history import came_and_went
from imaging.pipeline.keep_pixel_layout import with_pixel_layout
from imaging.pipeline.object_source import PREFIX_BYTES, ObjectSource
from imaging.pipeline.revision_archive import RevisionArchive
from imaging.pipeline.study_objects import StudyObjects
from imaging.ports.manifest import Change, StudyRestoration
from imaging.ports.objects import ObjectStore
from imaging.settings import QueryTag

_SIDE_BY_SIDE = 4  # of one study; several are restored at a time

Asked = TypeVar("Asked")
Result = TypeVar("Result")
_Ending = tuple[str, int, Action]  # the version that a row speaks of, its change number, and the last action


class RestoreStudy:
    """Restores one study, if the manifest knows fewer revisions than the bucket."""

    def __init__(
        self,
        objects: ObjectStore,
        archive: RevisionArchive,
        restoration: StudyRestoration,
        query_tags: Sequence[QueryTag] = (),
    ) -> None:
        self._objects = objects
        self._archive = archive
        self._restoration = restoration
        self._query_tags = query_tags

    def __call__(self, found: StudyObjects, row: Study | None) -> bool:
        """Restore the study from what was found in the bucket, `row` being its own; True if anything was missing.

        Raises
        ------
        Unavailable
            The store or the manifest does not answer, or an object version of
            the last revision is gone.
        """
        if not found.revisions or (row is not None and row.revision >= found.revisions[-1]):
            return False
        revisions = _side_by_side(lambda number: self._revision(found.study, number), found.revisions)
        endings = _endings(revisions)
        for key, versions in found.instances.items():
            version_id, number, action = endings.get(key, ("", 0, Action.DELETE))
            if action is Action.DELETE and (unseen := came_and_went(versions, since=version_id)):
                endings[key] = (unseen.last_version_id, number + unseen.changes, Action.DELETE)
        changes = [change for change in _side_by_side(self._change, endings.items()) if change]
        named = {(key, version_id) for key, (version_id, _, _) in endings.items()}
        earlier = [
            (key, (version.version_id, 0, Action.UPDATE))
            for key, versions in found.instances.items()
            if key in endings
            for version in versions
            if not version.is_delete_marker and not version.is_latest and (key, version.version_id) not in named
        ]
        self._restoration.restore(revisions, changes, [each for each in _side_by_side(self._change, earlier) if each])
        return True

    def _revision(self, study: StudyKey, number: int) -> Revision:
        revision = self._archive.read(study, number)
        if revision is None:
            raise Unavailable("A revision disappeared while its study was restored; it is tried again.")
        return revision

    def _change(self, asked: tuple[InstanceKey, _Ending]) -> Change | None:
        """An instance as a version of its object has it; None if that has been removed for good, or never was one."""
        key, (version_id, number, action) = asked
        found = self._objects.read(key.space, key.object_key, last=PREFIX_BYTES - 1, version_id=version_id)
        if found is None:
            if action is Action.DELETE or not number:
                return None
            raise Unavailable(
                "An object version that a revision names is gone; the study cannot be restored as it was."
            )
        stored, prefix = found
        try:
            outline = read_outline(ObjectSource(self._objects, key, stored, prefix))
        except Rejected:
            return None
        metadata = to_dicom_json(outline.header, further=outline.further)
        instance = instance_of(key, outline.header, stored, metadata, number, action, self._query_tags)
        instance = with_pixel_layout(self._objects, instance, outline)
        return Change(None, instance, keep_metadata(self._objects, instance, metadata))


def _side_by_side(call: Callable[[Asked], Result], asked: Iterable[Asked]) -> list[Result]:
    with ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="restore") as pool:
        return list(pool.map(call, asked))


def _endings(revisions: Iterable[Revision]) -> dict[InstanceKey, _Ending]:
    """How each instance stood when the last revision was made."""
    endings: dict[InstanceKey, _Ending] = {}
    for revision in revisions:
        for deleted in revision.deletions:
            key = _key(revision, deleted.series_instance_uid, deleted.sop_instance_uid)
            endings[key] = (endings[key][0], deleted.change_number, Action.DELETE)
        for series in revision.series:
            for instance in series.instances:
                key = _key(revision, series.series_instance_uid, instance.sop_instance_uid)
                endings[key] = (instance.version_id, instance.change_number, instance.action)
    return endings


def _key(revision: Revision, series_instance_uid: str, sop_instance_uid: str) -> InstanceKey:
    return InstanceKey(revision.study.space, revision.study.study_instance_uid, series_instance_uid, sop_instance_uid)
