"""A deletion that is too large for one request, as the doors see it.

The marks in the manifest hide it from readers at once; its objects get their
delete markers later. In between a door finds an object under its key that is
deleted for everyone else, and must not call another one identical to it.
"""

import json
from datetime import datetime

from imaging.errors import Unavailable
from imaging.model.deletions import Deletions
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Arrival
from imaging.ports.objects import ObjectStore, StoredObject

_NAME = "deleting.json"
_ROUNDS = 5


class LargeDeletions:
    """An object beside the study's, while a deletion of it goes on; it says what the marks say."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def begin(self, study: StudyKey, scope: str, until: datetime) -> None:
        """Tell the doors that what was stored of the scope until then is deleted.

        Raises
        ------
        Unavailable
            Others tell them of other deletions at this moment.
        """
        for _ in range(_ROUNDS):
            stored, told = self._read(study)
            body = _document(told.adding(scope, until))
            if self._write(study, body, stored):
                return
        raise Unavailable("Others delete of the same study at this moment; it is tried again.")

    def under_way(self, study: StudyKey) -> Deletions:
        """What is deleted and may still have objects."""
        return self._read(study)[1]

    def covers(self, key: InstanceKey, stored: StoredObject) -> bool:
        """Whether an object that is still there is deleted."""
        arrival = Arrival.of_object_metadata(stored.metadata)
        stored_at = arrival.stored_at if arrival else stored.last_modified
        return self.under_way(key.study).hides_what_was(key.series_instance_uid, key.sop_instance_uid, stored_at)

    def end(self, study: StudyKey, done: Deletions) -> None:
        """These have no objects any more; what was begun since goes on."""
        told = self.under_way(study).until
        if told and all(done.until.get(scope, until) >= until for scope, until in told.items()):
            self._objects.delete(study.space, _key(study))

    def _write(self, study: StudyKey, body: bytes, seen: StoredObject | None) -> str | None:
        kind = "application/json"
        if seen is None:
            return self._objects.put_if_absent(study.space, _key(study), body, metadata={}, content_type=kind)
        return self._objects.put_if_unchanged(
            study.space, _key(study), body, etag=seen.etag, metadata={}, content_type=kind
        )

    def _read(self, study: StudyKey) -> tuple[StoredObject | None, Deletions]:
        found = self._objects.read(study.space, _key(study))
        if found is None:
            return None, Deletions()
        stored, body = found
        return stored, Deletions({scope: datetime.fromisoformat(until) for scope, until in json.loads(body).items()})


def study_of_large_deletion(space: str, object_key: str) -> StudyKey | None:
    """The study whose deletion an object tells of; None for any other object."""
    match object_key.split("/"):
        case ["studies", study_instance_uid, name] if name == _NAME:
            return StudyKey(space, study_instance_uid)
    return None


def _key(study: StudyKey) -> str:
    return study.prefix + _NAME


def _document(deletions: Deletions) -> bytes:
    return json.dumps({scope: until.isoformat() for scope, until in deletions.until.items()}).encode()
