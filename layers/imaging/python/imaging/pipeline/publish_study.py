"""Stage 5: bring a study's FHIR resources up to its latest revision."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.fhir.findings import Findings
from imaging.fhir.policy import PublishingPolicy
from imaging.model.identifiers import StudyKey
from imaging.model.links import Links
from imaging.model.publication import ErrorKind, FhirError, Publication
from imaging.model.revision import Revision
from imaging.pipeline.dose_reports import DoseReports
from imaging.pipeline.places import Places, Turn
from imaging.pipeline.revision_archive import RevisionArchive
from imaging.pipeline.write_further import WriteFurther, names
from imaging.pipeline.write_study import WriteStudy
from imaging.ports.manifest import PendingWork, StudyFence
from imaging.ports.objects import ObjectStore
from imaging.ports.outside import FhirServer
from imaging.ports.publication import KnownResources, Publications
from imaging.settings import Space

TURN = timedelta(minutes=2)
"""For how long a study has one publisher: longer than a process lives that is asked to publish."""


@dataclass(frozen=True)
class Attempt:
    """Which try of a message this is.

    Attributes
    ----------
    number
        Counted from 1.
    is_last
        Whether nobody tries again unasked if this one fails.
    """

    number: int
    is_last: bool


@dataclass(frozen=True)
class Published:
    """What became of a study.

    Attributes
    ----------
    revision
        The latest that was looked at.
    error
        The entry that was left; a study with an `INVALID_TAG` is published all the same.
    """

    revision: int
    error: FhirError | None

    @property
    def is_in_fhir(self) -> bool:
        """Whether the server has what the revision says."""
        return self.error is None or self.error.kind is ErrorKind.INVALID_TAG


class PublishStudy:
    """Publishes what the study is now, whatever revision the message was about.

    A study has one publisher at a time. What the server has confirmed is
    recorded, and only then is the mark that asks for it removed: whoever dies
    in between is followed by one that compares and finds nothing to write.
    """

    def __init__(
        self,
        fence: StudyFence,
        pending: PendingWork,
        revisions: RevisionArchive,
        server: FhirServer,
        publications: Publications,
        known: KnownResources,
        objects: ObjectStore,
        *,
        links: Links,
        spaces: Mapping[str, Space],
        policy: PublishingPolicy,
        clock: Callable[[], datetime],
        new_token: Callable[[], str],
    ) -> None:
        self._fence = fence
        self._pending = pending
        self._revisions = revisions
        self._publications = publications
        self._clock = clock
        self._new_token = new_token
        places = Places(server, known, policy.writes, clock=clock, new_token=new_token)
        self._write_study = WriteStudy(server, places, links=links, spaces=spaces, policy=policy)
        self._write_further = WriteFurther(places, DoseReports(objects), links=links, policy=policy)

    def __call__(self, study: StudyKey, revision: int, attempt: Attempt) -> Published:
        """Publish the latest revision, and remove its mark and that of `revision`.

        A study that cannot be published, or that the server refuses, leaves an
        entry; its marks are removed, as trying again would not help.

        Raises
        ------
        Unavailable
            The server did not answer, or another publishes the study now: try
            again. An entry says so; the marks stay.
        """
        asked = revision
        while True:
            published = self._publish(study, asked, attempt)
            if published is None:
                continue
            if not published.is_in_fhir or (latest := self._latest(study, asked)) == published.revision:
                return published
            asked = latest

    def _publish(self, study: StudyKey, asked: int, attempt: Attempt) -> Published | None:
        """Take one turn; None if it takes another to finish."""
        later = ErrorKind.RETRIES_EXHAUSTED if attempt.is_last else ErrorKind.RETRYING
        turn, number = self._take_turn(study), asked
        if turn is None:
            failure = Unavailable("Another process publishes the study now; it is tried again.")
            if attempt.is_last:
                self._publications.failed(self._entry(later, study, asked, attempt, str(failure)), None)
            raise failure
        try:
            number = self._latest(study, asked)
            is_finished, error = self._bring_up_to_date(self._read(study, number), attempt, turn)
        except Rejected as refusal:
            is_finished, error = True, self._entry(_kind(refusal), study, number, attempt, str(refusal))
            self._publications.failed(error, turn.lease)
        except Exception as failure:
            self._publications.failed(self._entry(later, study, number, attempt, _why(failure)), turn.lease)
            raise
        if not is_finished:
            return None
        for each in sorted({asked, number}):
            self._pending.revision_published(study, each)
        return Published(number, error)

    def _take_turn(self, study: StudyKey) -> Turn | None:
        now = self._clock()
        lease = self._publications.lease(study, self._new_token(), now=now, until=now + TURN)
        return Turn(lease, now + TURN) if lease else None

    def _latest(self, study: StudyKey, at_least: int) -> int:
        row = self._fence.read_study(study)
        if row is None or row.revision < at_least:
            raise Unavailable(f"The manifest does not have revision {at_least} of the study; it may be being rebuilt.")
        return row.revision

    def _read(self, study: StudyKey, number: int) -> Revision:
        revision = self._revisions.read(study, number)
        if revision is None:
            raise Unavailable(f"Revision {number} of the study is not in its final place yet.")
        return revision.with_partial_dates()

    def _bring_up_to_date(self, revision: Revision, attempt: Attempt, turn: Turn) -> tuple[bool, FhirError | None]:
        """Write what differs, and record it; whether that is all, and what was left out."""
        study, noted = revision.study, turn.lease.publication.further
        if not revision.instances:
            self._write_further.remove(noted, turn)
            self._write_study.remove(study, turn)
            self._record(turn, revision, (), None)
            return True, None
        written, findings = self._write_study(revision, turn), Findings()
        wanted = self._write_further.mapped(revision, written, findings)
        invalid = self._invalid(revision, {*written.left_out, *findings.keywords}, attempt)
        if new := {*names(wanted)} - {*noted}:
            # Noted before they are written: who dies then leaves nothing that a later revision could not remove.
            self._record(turn, revision, (*noted, *sorted(new)), invalid)
            return False, invalid
        self._write_further(wanted, noted, turn)
        self._record(turn, revision, names(wanted), invalid)
        return True, invalid

    def _record(self, turn: Turn, revision: Revision, further: Iterable[str], invalid: FhirError | None) -> None:
        after = Publication(revision.study, revision.number, self._clock(), tuple(further))
        if not self._publications.published(turn.lease, after, invalid):
            raise Unavailable("Publishing took so long that another process took over; it is tried again.")

    def _invalid(self, revision: Revision, left_out: Collection[str], attempt: Attempt) -> FhirError | None:
        if not left_out:
            return None
        message = (
            f"Published without what {', '.join(sorted(left_out))} should have given: FHIR cannot hold it; "
            "correct the attributes and store the study again."
        )
        return self._entry(ErrorKind.INVALID_TAG, revision.study, revision.number, attempt, message)

    def _entry(self, kind: ErrorKind, study: StudyKey, revision: int, attempt: Attempt, message: str) -> FhirError:
        return FhirError(study, revision, kind, message, attempt.number, self._clock())


def _kind(refusal: Rejected) -> ErrorKind:
    """The server refuses content; all else is found before it is asked."""
    is_servers = refusal.reason is RejectReason.MALFORMED_REQUEST
    return ErrorKind.FHIR_REFUSED if is_servers else ErrorKind.NOT_PUBLISHED


def _why(failure: Exception) -> str:
    if isinstance(failure, Unavailable):
        return str(failure)
    return f"Publishing failed in a way that nobody foresaw ({type(failure).__name__}); its log says where."
