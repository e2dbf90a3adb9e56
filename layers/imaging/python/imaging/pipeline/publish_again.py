"""Ask for studies to be published once more, where nothing else will: an operator does."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from imaging.errors import Rejected, RejectReason
from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind, FhirError
from imaging.ports.manifest import StudyFence
from imaging.ports.objects import ObjectListing
from imaging.ports.publication import FhirErrors, PublishQueue

_AT_ONCE = 100
_ENTRIES_AT_ONCE = 1_000


@dataclass(frozen=True)
class AskedFor:
    """How far it has come.

    Attributes
    ----------
    studies
        For how many messages were sent.
    without_revision
        How many have no revision that could be published, or none any more.
    cursor
        The last study of a whole space, for another call to go on behind.
    """

    studies: int = 0
    without_revision: int = 0
    cursor: str = ""


Progress = Callable[[AskedFor], None]


class PublishAgain:
    """Sends messages like those of the bus; what is in FHIR as it should be is compared and left alone."""

    def __init__(self, fence: StudyFence, listing: ObjectListing, errors: FhirErrors, queue: PublishQueue) -> None:
        self._fence = fence
        self._listing = listing
        self._errors = errors
        self._queue = queue

    def study(self, study: StudyKey) -> AskedFor:
        """One study.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE` if it has no revision.
        """
        asked = self._ask([study], AskedFor())
        if not asked.studies:
            raise Rejected(
                RejectReason.NO_SUCH_RESOURCE,
                "There is no revision of such a study in this storage space; when there is one, it is published.",
            )
        return asked

    def failed(self, space: str, kinds: Sequence[ErrorKind], progress: Progress = lambda _: None) -> AskedFor:
        """The studies of a space with an entry of one of these kinds, those that failed first, first."""
        entries = [entry for kind in kinds for entry in self._entries(space, kind)]
        oldest_first = sorted(entries, key=lambda entry: entry.time)
        return self._ask_for_all((entry.study for entry in oldest_first), AskedFor(), progress)

    def everything(self, space: str, *, after: str = "", progress: Progress = lambda _: None) -> AskedFor:
        """All studies of a space, the deleted ones too: what is left of those in FHIR goes.

        In the order of their UIDs.

        Parameters
        ----------
        after
            The cursor of a call that was interrupted.
        """
        studies = (StudyKey(space, uid) for uid in self._listing.studies(space, after))
        return self._ask_for_all(studies, AskedFor(cursor=after), progress)

    def _entries(self, space: str, kind: ErrorKind) -> Iterator[FhirError]:
        after, is_last = "", False
        while not is_last:
            page, after = self._errors.read_errors(space, kind, after=after, limit=_ENTRIES_AT_ONCE)
            yield from page
            is_last = not after

    def _ask_for_all(self, studies: Iterable[StudyKey], asked: AskedFor, progress: Progress) -> AskedFor:
        remaining = iter(studies)
        while part := list(islice(remaining, _AT_ONCE)):
            asked = self._ask(part, asked)
            progress(asked)
        return asked

    def _ask(self, studies: Sequence[StudyKey], asked: AskedFor) -> AskedFor:
        with ThreadPoolExecutor() as pool:
            rows = list(pool.map(self._fence.read_study, studies))
        revisions = [(row.key, row.revision) for row in rows if row and row.revision]
        self._queue.send(revisions)
        return AskedFor(
            asked.studies + len(revisions),
            asked.without_revision + len(studies) - len(revisions),
            studies[-1].study_instance_uid,
        )
