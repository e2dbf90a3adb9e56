"""The history of a study as a table shows it: what its rows say, without reading a revision."""

from dataclasses import dataclass

from imaging.errors import Unavailable
from imaging.model.identifiers import StudyKey
from imaging.model.revision import Revision
from imaging.model.study import Study
from imaging.ports.catalogue import RevisionSource, StudyHistory
from imaging.ports.manifest import CommittedRevision


@dataclass(frozen=True)
class History:
    """A study of one space and its revisions, oldest first."""

    study: Study
    revisions: tuple[CommittedRevision, ...]


class ListRevisions:
    """Lists by rows alone, so a long history of a large study costs little."""

    def __init__(self, history: StudyHistory, revisions: RevisionSource, spaces: tuple[str, ...]) -> None:
        self._history = history
        self._revisions = revisions
        self._spaces = spaces

    def __call__(self, study_instance_uid: str, space: str | None = None) -> list[History]:
        """The study's history in each space that knows it, or in the one named."""
        found = []
        for name in [space] if space else self._spaces:
            key = StudyKey(name, study_instance_uid)
            study = self._history.read_study(key)
            if study:
                found.append(History(study, tuple(self._history.read_revisions(key))))
        return found

    def whole(self, study: StudyKey, number: int) -> Revision | None:
        """One revision, whole; None if the study has none of that number.

        Raises
        ------
        Unavailable
            It is on its way into the bucket.
        """
        committed = self._history.read_revision(study, number)
        if committed is None:
            return None
        revision = self._revisions.read_committed(committed)
        if revision is None:
            raise Unavailable("The revision is not in the bucket yet; ask again, or run imaging reconcile.")
        return revision
