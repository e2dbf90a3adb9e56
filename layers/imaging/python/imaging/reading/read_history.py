"""Read the history of a study: its revisions, oldest first, one of them whole, and the study as it was then."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.identifiers import StudyKey
from imaging.model.revision import Revision
from imaging.ports.catalogue import RevisionSource, StudyContents, StudyHistory
from imaging.ports.manifest import CommittedRevision
from imaging.ports.objects import ObjectStore
from imaging.reading.recent import Recent
from imaging.reading.revision_contents import RevisionContents
from imaging.reading.window import Window

MOST_REVISIONS = 500
"""In one answer: each of them is an object to read."""

_SIDE_BY_SIDE = 8
_MOST_CHANGES = 100_000  # in one answer: some 20 MB of text
_KEPT_BYTES = 128 * 1024 * 1024
_BYTES_OF_AN_INSTANCE = 4 * 1024  # about, with its attributes


@dataclass(frozen=True)
class History:
    """Entries of a study's history.

    Attributes
    ----------
    following
        The window that shows those behind them; None if there are none.
    """

    entries: Sequence[dict[str, Any]]
    following: Window | None


class ReadHistory:
    """Reads revisions; those of a deleted study too."""

    def __init__(
        self, history: StudyHistory, revisions: RevisionSource, contents: StudyContents, objects: ObjectStore
    ) -> None:
        self._history = history
        self._revisions = revisions
        self._contents = contents
        self._objects = objects
        self._recent = Recent[tuple[StudyKey, int], Revision](_KEPT_BYTES, _size_of)

    def entries(self, study: StudyKey, window: Window) -> History:
        """The entries of a study's revisions, oldest first; none yet while a first one is awaited.

        Parameters
        ----------
        window
            At most `MOST_REVISIONS`; one without a limit is for a history that has no more.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE` if nothing of the study was ever indexed;
            `TOO_LARGE` if the entries hold more than one answer can.
        """
        most = window.limit or MOST_REVISIONS
        committed = self._history.read_revisions(study, window.offset + 1, window.offset + most + 1)
        if not committed and self._history.read_study(study) is None:
            raise Rejected(
                RejectReason.NO_SUCH_RESOURCE,
                "There is no such study in this storage space; what was stored a moment ago may still be on its way.",
            )
        if window.limit is None and len(committed) > most:
            raise Rejected(
                RejectReason.TOO_LARGE,
                f"The study has more than {most} revisions; read its history in pages, by limit=.",
            )
        shown = committed[:most]
        changes = sum(one.counts.additions + one.counts.modifications + one.counts.deletions for one in shown)
        if changes > _MOST_CHANGES:
            raise Rejected(
                RejectReason.TOO_LARGE,
                f"These revisions list {changes} changes, and one answer at most {_MOST_CHANGES}; read the history in "
                "pages, by limit=, or revision by revision.",
            )
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            return History(list(pool.map(self._entry, shown)), window.next(window.offset + len(committed)))

    def revision(self, study: StudyKey, number: int) -> Revision:
        """Revision `number`, whole.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE` if the study has no such revision.
        """
        if kept := self._recent.get((study, number)):
            return kept
        committed = self._history.read_revision(study, number)
        if committed is None:
            raise Rejected(
                RejectReason.NO_SUCH_RESOURCE, "The study has no such revision; its history lists those it has."
            )
        revision = self._revisions.read_committed(committed)
        if revision is None:
            raise _not_there_yet()
        self._recent.put((study, number), revision)
        return revision

    def contents(self, study: StudyKey, number: int) -> RevisionContents:
        """The study as revision `number` has it.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE` if the study has no such revision.
        """
        return RevisionContents(self.revision(study, number), self._contents, self._objects)

    def _entry(self, committed: CommittedRevision) -> dict[str, Any]:
        entry = self._revisions.read_entry(committed)
        if entry is None:
            raise _not_there_yet()
        return entry


def _size_of(revision: Revision) -> int:
    return (1 + revision.instances) * _BYTES_OF_AN_INSTANCE


def _not_there_yet() -> Unavailable:
    return Unavailable("A revision is not in the bucket yet; ask again.")
