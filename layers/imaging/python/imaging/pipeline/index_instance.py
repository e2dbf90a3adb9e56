"""Stage 2: bring the manifest to what S3 holds at a key.

An S3 event is a hint; the key's current version is the fact. So late, doubled
and reordered events, and puts that overtake deletes, all end the same.
"""

import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

from imaging.dicom.attributes import indexed, too_long, unreadable
from imaging.dicom.header import Header
from imaging.dicom.json_model import to_dicom_json
from imaging.dicom.outline import read_outline
from imaging.dicom.partial_dates import partial_dates
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import (
    EXPECTED_INSTANCES,
    Action,
    Arrival,
    DicomJson,
    Door,
    Instance,
    expected_instances,
)
from imaging.pipeline.keep_pixel_layout import with_pixel_layout
from imaging.pipeline.object_source import PREFIX_BYTES, ObjectSource
from imaging.pipeline.quarantine import quarantine_key
from imaging.ports.manifest import Change, InstanceIndex
from imaging.ports.objects import ObjectStore, StoredObject
from imaging.settings import QueryTag

_ROUNDS = 5
_SIDE_BY_SIDE = 8
_LARGEST_KEPT_METADATA_BYTES = 8 * 1024  # larger ones spill to S3, so that a row stays a few write units


class IndexInstance:
    """Compares keys with S3 and records what changed.

    Parameters
    ----------
    side_by_side
        How many objects of one study are read at a time.
    query_tags
        Further attributes to index.
    """

    def __init__(
        self,
        objects: ObjectStore,
        index: InstanceIndex,
        clock: Callable[[], datetime],
        *,
        side_by_side: int = _SIDE_BY_SIDE,
        query_tags: Sequence[QueryTag] = (),
    ) -> None:
        self._objects = objects
        self._index = index
        self._clock = clock
        self._side_by_side = side_by_side
        self._query_tags = query_tags

    def __call__(self, keys: Iterable[InstanceKey]) -> dict[InstanceKey, Unavailable]:
        """Index the keys, those of one study together.

        Returns
        -------
        dict
            The keys that could not be indexed now, with the reason; the others
            are durable in the manifest. What is not an instance has been set
            aside under ``quarantine/`` and is no failure.
        """
        by_study: defaultdict[StudyKey, set[InstanceKey]] = defaultdict(set)
        for key in keys:
            by_study[key.study].add(key)
        failures: dict[InstanceKey, Unavailable] = {}
        for of_study in by_study.values():
            failures |= self._index_study(sorted(of_study))
        return failures

    def _index_study(self, keys: list[InstanceKey]) -> dict[InstanceKey, Unavailable]:
        failures: dict[InstanceKey, Unavailable] = {}
        for _ in range(_ROUNDS):
            changes = []
            with ThreadPoolExecutor(self._side_by_side) as pool:
                for key, outcome in zip(keys, pool.map(self._compare, keys), strict=True):
                    if isinstance(outcome, Unavailable):
                        failures[key] = outcome
                    elif outcome:
                        changes.append(outcome)
            if not changes:
                return failures
            try:
                overtaken = self._index.record_changes(changes, self._clock())
            except Unavailable as failure:
                return failures | {change.after.key: failure for change in changes}
            if not overtaken:
                return failures
            keys = [change.after.key for change in overtaken]
        moving = Unavailable("The instance changed faster than it could be indexed; it is tried again.")
        return failures | dict.fromkeys(keys, moving)

    def _compare(self, key: InstanceKey) -> Change | Unavailable | None:
        try:
            return self._change_of(key)
        except Unavailable as failure:
            return failure

    def _change_of(self, key: InstanceKey) -> Change | None:
        for _ in range(_ROUNDS):
            before = self._index.read_instance(key)  # first the row, then the object: never the other way round
            found = self._objects.read(key.space, key.object_key, last=PREFIX_BYTES - 1)
            if found is None:
                return deletion_of(before) if before and not before.deleted else None
            stored, prefix = found
            if before and not before.deleted and before.version_id == stored.version_id:
                return None
            try:
                return self._storing(key, before, stored, prefix)
            except Rejected as rejected:
                self._set_aside(key.space, key.object_key, stored, rejected)
        raise Unavailable("What is not DICOM keeps arriving under this key; it is tried again.")

    def refuse(self, space: str, object_key: str, rejected: Rejected) -> None:
        """Set aside what lies under a key that names no instance."""
        stored = self._objects.head(space, object_key)
        if stored:
            self._set_aside(space, object_key, stored, rejected)

    def _set_aside(self, space: str, object_key: str, stored: StoredObject, rejected: Rejected) -> None:
        self._objects.set_aside(space, object_key, stored.version_id, quarantine_key(object_key), str(rejected))

    def _storing(self, key: InstanceKey, before: Instance | None, stored: StoredObject, prefix: bytes) -> Change:
        outline = read_outline(ObjectSource(self._objects, key, stored, prefix))
        header = outline.header
        _check_lies_under_its_own_key(key, header)
        metadata = to_dicom_json(header, further=outline.further)
        number, action = _next(before)
        after = instance_of(key, header, stored, metadata, number, action, self._query_tags)
        after = with_pixel_layout(self._objects, after, outline)
        if before and not before.deleted and before.arrival.is_identical_to(after.arrival):
            after = replace(after, change_number=before.change_number, action=before.action)
        return Change(before, after, keep_metadata(self._objects, after, metadata))


def keep_metadata(objects: ObjectStore, instance: Instance, metadata: DicomJson) -> bytes | None:
    """The metadata gzipped, for the manifest; None if it is too long and was put beside the instance."""
    kept = gzip.compress(json.dumps(metadata, separators=(",", ":")).encode(), mtime=0)
    if len(kept) <= _LARGEST_KEPT_METADATA_BYTES:
        return kept
    objects.put_if_absent(
        instance.key.space, instance.spilled_metadata_key, kept, metadata={}, content_type="application/gzip"
    )
    return None


def instance_of(
    key: InstanceKey,
    header: Header,
    stored: StoredObject,
    metadata: DicomJson,
    number: int,
    action: Action,
    query_tags: Sequence[QueryTag] = (),
) -> Instance:
    """The manifest's view of one object version."""
    attributes = indexed(metadata, query_tags)
    cannot_be_given = unreadable({*header.data_set.keys(), *header.unreadable}, attributes)
    return Instance(
        key=key,
        change_number=number,
        action=action,
        version_id=stored.version_id,
        size_bytes=stored.size_bytes,
        arrival=Arrival.of_object_metadata(stored.metadata) or _by_hand(header, stored),
        sop_class_uid=header.sop_class_uid,
        attributes=attributes,
        unreadable=cannot_be_given,
        too_long=too_long(metadata, attributes),
        partial_dates=partial_dates(header.data_set, cannot_be_given),
    )


def _next(before: Instance | None) -> tuple[int, Action]:
    if before is None:
        return 1, Action.CREATE
    return before.change_number + 1, Action.CREATE if before.deleted else Action.UPDATE


def deletion_of(before: Instance) -> Change:
    """The change that makes an instance's row a tombstone."""
    return Change(before, replace(before, change_number=before.change_number + 1, action=Action.DELETE), None)


def _check_lies_under_its_own_key(key: InstanceKey, header: Header) -> None:
    named = (header.study_instance_uid, header.series_instance_uid, header.sop_instance_uid)
    if named != (key.study_instance_uid, key.series_instance_uid, key.sop_instance_uid):
        raise Rejected(
            RejectReason.INVALID_IDENTIFIER,
            "The UIDs in the object are not those of its key; put it under incoming/ and it finds its place.",
        )


def _by_hand(header: Header, stored: StoredObject) -> Arrival:
    return Arrival(
        data_set_digest=f"etag:{stored.etag}",
        transfer_syntax_uid=header.transfer_syntax_uid,
        door=Door.BY_HAND,
        stored_at=stored.last_modified,
        expected_instances=expected_instances(stored.metadata.get(EXPECTED_INSTANCES, "")),
    )
