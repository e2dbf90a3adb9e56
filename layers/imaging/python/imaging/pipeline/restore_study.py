"""Rows of a study that were lost come back from its revisions and its objects.

Only revisions under their final keys count. What is there is what the last of
them has; the latest thing that happened after it is not restored but indexed
again, as any change is. What else happened without a revision seeing it has
left versions and delete markers: they are counted, so that no change number is
given out again, and what came and went comes back as a tombstone. What was
removed for good is not counted. Of a study without a revision nothing comes
back: what is there is indexed again, and its numbers begin at 1.

Some instances at a time: the memory does not grow with their bytes, and who is
interrupted goes on behind what is done.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

from imaging.dicom.json_model import to_dicom_json
from imaging.dicom.outline import read_outline
from imaging.errors import Rejected, Unavailable
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Action, Instance
from imaging.model.revision import Revision
from imaging.pipeline.index_instance import instance_of, keep_metadata
from imaging.pipeline.instance_history import Ending, counted_on, earlier_versions, endings_of
from imaging.pipeline.keep_pixel_layout import with_pixel_layout
from imaging.pipeline.object_source import PREFIX_BYTES, ObjectSource
from imaging.pipeline.revision_archive import RevisionArchive
from imaging.pipeline.study_objects import StudyObjects
from imaging.ports.manifest import Change, StudyRestoration
from imaging.ports.objects import ListedVersion, ObjectStore
from imaging.ports.reconciliation import KnownInstance, KnownStudy
from imaging.settings import QueryTag

_SIDE_BY_SIDE = 4  # of one study; several are restored at a time
_AT_A_TIME = 500

Asked = TypeVar("Asked")
Result = TypeVar("Result")


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

    def __call__(self, found: StudyObjects, known: KnownStudy) -> bool:
        """Restore the study from what was found in the bucket; True if anything was missing.

        A version that a revision names and that was removed for good comes back
        as the revision tells it: that its object is gone is the next change.

        Parameters
        ----------
        known
            What its rows say; those that stand are left out.

        Raises
        ------
        Unavailable
            The store or the manifest does not answer.
        """
        if not found.revisions or (known.row is not None and known.row.revision >= found.revisions[-1]):
            return False
        revisions, endings = self._history(found)
        lost: list[tuple[InstanceKey, Ending]] = []
        for key, ending in endings.items():
            versions = found.instances.get(key, [])
            if key in known.instances and _stands(known.instances[key], ending, versions):
                continue
            lost += (
                (key, earlier) for earlier in earlier_versions(versions, ending)
            )  # a row that stands has them behind it
            lost.append((key, ending))
        for some in _in_chunks(lost, _AT_A_TIME):
            changes = [change for change in _side_by_side(self._change, some) if change]
            self._restoration.restore_metadata(changes)
            self._restoration.restore_instances([each.after for each in changes if each.after.change_number])
        self._restoration.restore_study(revisions)
        return True

    def _history(self, found: StudyObjects) -> tuple[list[Revision], dict[InstanceKey, Ending]]:
        """All revisions, without the attributes of instances, and how each instance ended."""
        revisions: list[Revision] = []
        endings: dict[InstanceKey, Ending] = {}
        for numbers in _in_chunks(found.revisions, _SIDE_BY_SIDE):
            for revision in _side_by_side(partial(self._revision, found.study), numbers):
                endings.update(endings_of(revision, endings))
                revisions.append(_without_attributes(revision))
        for key, versions in found.instances.items():
            ending = counted_on(endings.get(key, Ending("")), versions)
            if ending.number:
                endings[key] = ending
        return revisions, endings

    def _revision(self, study: StudyKey, number: int) -> Revision:
        revision = self._archive.read(study, number)
        if revision is None:
            raise Unavailable("A revision disappeared while its study was restored; it is tried again.")
        return revision

    def _change(self, asked: tuple[InstanceKey, Ending]) -> Change | None:
        """An instance as a version of its object has it; None if nothing tells it any more, or it never was one."""
        key, ending = asked
        if change := self._read(key, ending):
            return change
        if ending.told:
            return Change(None, _as_told(ending.told, ending), None)
        for version_id in ending.else_version_ids:
            if change := self._read(key, replace(ending, version_id=version_id)):
                return replace(change, metadata=None)  # as an earlier version it has it already
        return None

    def _read(self, key: InstanceKey, ending: Ending) -> Change | None:
        found = self._objects.read(key.space, key.object_key, last=PREFIX_BYTES - 1, version_id=ending.version_id)
        if found is None:
            return None
        stored, prefix = found
        try:
            outline = read_outline(ObjectSource(self._objects, key, stored, prefix))
        except Rejected:
            return None
        metadata = to_dicom_json(outline.header, further=outline.further)
        instance = instance_of(key, outline.header, stored, metadata, ending.number, ending.action, self._query_tags)
        instance = with_pixel_layout(self._objects, instance, outline)
        return Change(None, instance, keep_metadata(self._objects, instance, metadata))


def _stands(row: KnownInstance, ending: Ending, versions: Sequence[ListedVersion]) -> bool:
    """Whether a row is as it was lost, and all earlier versions with it.

    A first change that an event has told meanwhile says nothing of versions
    before it that had the same bytes.
    """
    if (row.version_id, row.change_number) != (ending.version_id, ending.number):
        return False
    return row.deleted == (ending.action is Action.DELETE) and (
        row.change_number > 1 or not any(earlier_versions(versions, ending))
    )


def _as_told(told: Instance, ending: Ending) -> Instance:
    return replace(told, version_id=ending.version_id, change_number=ending.number, action=ending.action)


def _without_attributes(revision: Revision) -> Revision:
    series = (
        replace(each, instances=tuple(replace(instance, attributes={}) for instance in each.instances))
        for each in revision.series
    )
    return replace(revision, series=tuple(series))


def _in_chunks(asked: Sequence[Asked], size: int) -> Iterator[Sequence[Asked]]:
    return (asked[start : start + size] for start in range(0, len(asked), size))


def _side_by_side(call: Callable[[Asked], Result], asked: Iterable[Asked]) -> list[Result]:
    with ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="restore") as pool:
        return list(pool.map(call, asked))
