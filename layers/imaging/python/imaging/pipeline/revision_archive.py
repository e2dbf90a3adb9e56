"""Revisions in the space's bucket: drafts before the commit, final keys after it."""

from typing import Any

from imaging.model.identifiers import StudyKey
from imaging.model.revision import Revision
from imaging.model.revision_document import entry_of, unzipped, zipped
from imaging.ports.manifest import CommittedRevision
from imaging.ports.objects import ObjectStore

_BEGINNING_BYTES = 64 * 1024
_CONTENT_TYPE = "application/gzip"


def revision_key(study: StudyKey, number: int) -> str:
    """Where revision `number` lies for good."""
    return f"{study.prefix}revisions/{number:08d}.json.gz"


def draft_key(study: StudyKey, number: int, claim: str) -> str:
    """Where the finalizer that holds `claim` leaves it before the commit; a lifecycle rule clears the prefix."""
    return f"drafts/{study.study_instance_uid}/{number:08d}-{claim}.json.gz"


class RevisionArchive:
    """Reads and keeps revisions as immutable objects."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def read(self, study: StudyKey, number: int) -> Revision | None:
        """Revision `number`; None if it has no final key."""
        found = self._objects.read(study.space, revision_key(study, number))
        return unzipped(found[1]) if found else None

    def read_committed(self, committed: CommittedRevision) -> Revision | None:
        """A committed revision, from its draft if the final key is still missing."""
        return self.read(committed.study, committed.number) or self._read_draft(committed)

    def read_entry(self, committed: CommittedRevision) -> dict[str, Any] | None:
        """The entry of a committed revision in its study's history, for which the beginning is enough to read."""
        object_key = revision_key(committed.study, committed.number)
        found = self._objects.read(committed.study.space, object_key, last=_BEGINNING_BYTES - 1)
        if found and (entry := entry_of(found[1])):
            return entry
        revision = self.read_committed(committed)
        return revision.entry() if revision else None

    def has(self, study: StudyKey, number: int) -> bool:
        """Whether revision `number` has its final key."""
        return self._objects.head(study.space, revision_key(study, number)) is not None

    def write_draft(self, revision: Revision, claim: str) -> None:
        """Leave the draft; a repeat of the same claim finds it there."""
        self._put(revision, draft_key(revision.study, revision.number, claim))

    def drop_draft(self, study: StudyKey, number: int, claim: str) -> None:
        """Remove a draft that was not committed, or is kept for good by now."""
        self._objects.delete(study.space, draft_key(study, number, claim))

    def keep(self, committed: CommittedRevision) -> None:
        """Give the committed draft its final key, once, whoever comes first."""
        if not self.has(committed.study, committed.number):
            revision = self._read_draft(committed)
            if revision is not None:
                self._put(revision, revision_key(committed.study, committed.number))
        self.drop_draft(committed.study, committed.number, committed.claim)

    def _read_draft(self, committed: CommittedRevision) -> Revision | None:
        found = self._objects.read(committed.study.space, draft_key(committed.study, committed.number, committed.claim))
        return unzipped(found[1]) if found else None

    def _put(self, revision: Revision, object_key: str) -> None:
        self._objects.put_if_absent(
            revision.study.space, object_key, zipped(revision), metadata={}, content_type=_CONTENT_TYPE
        )
