"""Read the history of a study: its revisions, oldest first, or one of them whole."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.identifiers import StudyKey
from imaging.model.revision import Revision
from imaging.ports.catalogue import RevisionSource, StudyHistory
from imaging.ports.manifest import CommittedRevision
from imaging.reading.target import Target

_SIDE_BY_SIDE = 8


class ReadHistory:
    """Reads revisions; those of a deleted study too."""

    def __init__(self, history: StudyHistory, revisions: RevisionSource) -> None:
        self._history = history
        self._revisions = revisions

    def entries(self, study: StudyKey) -> list[dict[str, Any]]:
        """The entries of all revisions, oldest first; none yet while a first one is awaited.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE` if nothing of the study was ever indexed.
        """
        committed = self._history.read_revisions(study)
        if not committed and self._history.read_study(study) is None:
            raise Target(study).not_found()
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            return list(pool.map(lambda one: self._whole(one).entry(), committed))

    def revision(self, study: StudyKey, number: int) -> Revision:
        """Revision `number`, whole.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE` if the study has no such revision.
        """
        committed = self._history.read_revision(study, number)
        if committed is None:
            raise Rejected(
                RejectReason.NO_SUCH_RESOURCE, "The study has no such revision; its history lists those it has."
            )
        return self._whole(committed)

    def _whole(self, committed: CommittedRevision) -> Revision:
        revision = self._revisions.read_committed(committed)
        if revision is None:
            raise Unavailable("A revision is not in the bucket yet; ask again.")
        return revision
