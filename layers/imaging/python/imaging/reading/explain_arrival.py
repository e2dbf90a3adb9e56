"""Why an object that arrived was not indexed, or a drop not taken: S3's notifications among the dead letters."""

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from imaging.dicom.bare_data_set import missing_beginning
from imaging.dicom.outline import read_outline
from imaging.errors import Rejected, Unavailable
from imaging.model.identifiers import InstanceKey
from imaging.model.queues import QueueKind
from imaging.ports.manifest import InstanceIndex
from imaging.ports.objects import ObjectStore, StoredObject
from imaging.reading.explanation import LOOK_INTO_LOG, REDRIVE, REDRIVE_AWAY, Cause, Explanation, not_ours

_DIGEST_DIGITS = 16
_SET_ASIDE = "Redrive it: the next try sets the object aside under quarantine/ with that reason."


class _Version:
    """One object version by ranges; a `imaging.dicom.byte_source.ByteSource`."""

    def __init__(self, objects: ObjectStore, space: str, object_key: str, stored: StoredObject) -> None:
        self._objects = objects
        self._where = (space, object_key)
        self._version_id = stored.version_id
        self.size_bytes = stored.size_bytes

    def read_range(self, first: int, last: int) -> bytes:
        found = self._objects.read(*self._where, first=first, last=last, version_id=self._version_id)
        if found is None:
            raise Unavailable("The object version disappeared while it was read.")
        return found[1]


class ExplainArrival:
    """Looks at the object and its row as they are now, and reads the object as its process would."""

    def __init__(self, objects: ObjectStore, index: InstanceIndex, space_of_bucket: Mapping[str, str]) -> None:
        self._objects = objects
        self._index = index
        self._space_of_bucket = space_of_bucket

    def __call__(self, kind: QueueKind, body: Mapping[str, Any]) -> list[Explanation]:
        """Explain each object that a notification names."""
        records = body.get("Records", [])
        if not records:
            return [not_ours(kind, "names no object")]
        return [self._explain(kind, record["s3"]) for record in records]

    def _explain(self, kind: QueueKind, notified: Mapping[str, Any]) -> Explanation:
        space = self._space_of_bucket.get(notified["bucket"]["name"], "")
        object_key = unquote_plus(notified["object"]["key"])
        if not space:
            return not_ours(kind, "speaks of a bucket that is no space of this deployment")
        if kind is QueueKind.STORE_DROP:
            return self._drop(space, object_key, notified["object"].get("versionId"))
        try:
            key = InstanceKey.of_object(space, object_key)
        except Rejected as rejected:
            return self._misplaced(space, object_key, rejected)
        if key is None:
            return Explanation(
                kind,
                {"space": space, "object": digest_of(object_key)},
                Cause.DONE_SINCE,
                "The object lies at no place of an instance, and is not for indexing.",
                REDRIVE_AWAY,
            )
        return self._instance(key)

    def _misplaced(self, space: str, object_key: str, rejected: Rejected) -> Explanation:
        about = {"space": space, "object": digest_of(object_key)}
        if self._objects.head(space, object_key) is None:
            why = "The object was put at a place that names no instance, and is not there any more."
            return Explanation(QueueKind.INDEX_INSTANCE, about, Cause.GONE, why, REDRIVE_AWAY)
        why = f"The object lies at a place that names no instance. {rejected}"
        return Explanation(QueueKind.INDEX_INSTANCE, about, Cause.NOT_DICOM, why, _SET_ASIDE)

    def _instance(self, key: InstanceKey) -> Explanation:
        about = {
            "space": key.space,
            "study": key.study_instance_uid,
            "series": key.series_instance_uid,
            "instance": key.sop_instance_uid,
        }

        def explained(cause: Cause, why: str, mend: str) -> Explanation:
            return Explanation(QueueKind.INDEX_INSTANCE, about, cause, why, mend)

        row, stored = self._index.read_instance(key), self._objects.head(key.space, key.object_key)
        if stored is None:
            if row is None or row.deleted:
                return explained(Cause.GONE, "The object is gone, and the manifest says so.", REDRIVE_AWAY)
            why = "The object is gone, and the manifest has it still."
            return explained(Cause.GONE, why, "Redrive it: the next try records the deletion.")
        if row and not row.deleted and row.version_id == stored.version_id:
            return explained(Cause.DONE_SINCE, "The object has been indexed since.", REDRIVE_AWAY)
        about["bytes"] = str(stored.size_bytes)
        return explained(*self._readable(key.space, key.object_key, stored, "index_instance"))

    def _drop(self, space: str, object_key: str, version_id: str | None) -> Explanation:
        about = {"space": space, "object": digest_of(object_key)}
        found = self._objects.read(space, object_key, last=0, version_id=version_id)
        if found is None:
            why = "The object has left incoming/: it was stored, set aside, or removed."
            return Explanation(QueueKind.STORE_DROP, about, Cause.DONE_SINCE, why, REDRIVE_AWAY)
        stored, _ = found
        about |= {"bytes": str(stored.size_bytes), "stored": stored.last_modified.isoformat(timespec="seconds")}
        cause, why, mend = self._readable(space, object_key, stored, "store_drop")
        return Explanation(QueueKind.STORE_DROP, about, cause, why, mend)

    def _readable(self, space: str, object_key: str, stored: StoredObject, process: str) -> tuple[Cause, str, str]:
        """Read the object as the process would."""
        source = _Version(self._objects, space, object_key, stored)
        try:
            if process == "index_instance" or not missing_beginning(source):
                read_outline(source)
        except Rejected as rejected:
            return Cause.NOT_DICOM, str(rejected), _SET_ASIDE
        except Unavailable as failure:
            return Cause.NOT_DONE, f"{failure} It is the space's bucket that fails.", REDRIVE
        except Exception as failure:  # what the process did not foresee is what this is to find
            why = f"Reading the object fails with {type(failure).__name__}: a fault of this software."
            return Cause.UNREADABLE, why, "Report it with the UIDs; the object is safe where it is."
        why = (
            "The object is there and can be read: what stood in the way has passed, or was the process's time or room."
        )
        return Cause.NOT_DONE, why, LOOK_INTO_LOG.format(process=process)


def digest_of(object_key: str) -> str:
    """What may be shown of a key that may name a patient."""
    return f"sha256:{hashlib.sha256(object_key.encode()).hexdigest()[:_DIGEST_DIGITS]}"
