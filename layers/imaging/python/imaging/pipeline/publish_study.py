"""Stage 5: bring a study's FHIR resources up to its latest revision."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from imaging.errors import Rejected, Unavailable
from imaging.fhir.findings import Findings
from imaging.fhir.mapped_attributes import MAPPED
from imaging.fhir.policy import PublishingPolicy
from imaging.model.identifiers import StudyKey
from imaging.model.links import Links
from imaging.model.publication import ErrorKind, FhirError, Publication
from imaging.model.revision import Revision
from imaging.pipeline.dose_reports import DoseReports
from imaging.pipeline.places import Places, Turn
from imaging.pipeline.publication_entries import Entries
from imaging.pipeline.revision_archive import RevisionArchive
from imaging.pipeline.write_further import WriteFurther
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
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._fence = fence
        self._pending = pending
        self._revisions = revisions
        self._publications = publications
        self._clock = clock
        self._new_token = new_token
        places = Places(server, known, policy.writes, clock=clock, new_token=new_token)
        self._write_study = WriteStudy(server, places, known, links=links, spaces=spaces, policy=policy, sleep=sleep)
        self._write_further = WriteFurther(places, DoseReports(objects), links=links, policy=policy, sleep=sleep)

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
            if not published.is_in_fhir or (latest := self._latest(study, asked)) == published.revision:
                return published
            asked = latest

    def _publish(self, study: StudyKey, asked: int, attempt: Attempt) -> Published:
        turn, number = self._take_turn(study), asked
        entries = Entries(study, attempt.number, attempt.is_last, self._clock)
        if turn is None:
            failure = Unavailable("Another process publishes the study now; it is tried again.")
            if attempt.is_last:
                self._publications.failed(entries.failed(asked, failure), None)
            raise failure
        try:
            number = self._latest(study, asked)
            error = self._bring_up_to_date(self._read(study, number), asked, entries, turn)
        except Rejected as refusal:
            error = entries.refused(number, refusal)
            self._publications.failed(error, turn.lease)
            self._remove_marks(study, asked, number)
        except Exception as failure:
            self._publications.failed(entries.failed(number, failure), turn.lease)
            raise
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

    def _bring_up_to_date(self, revision: Revision, asked: int, entries: Entries, turn: Turn) -> FhirError | None:
        """Write what differs, and record it; the entry that is left.

        What goes with the study has no say over it: the study is recorded, and
        its marks are removed, whatever becomes of that.
        """
        study, number, further = revision.study, revision.number, turn.lease.publication.further

        def note(there: Sequence[str]) -> None:
            nonlocal further
            self._check_turn(is_ours=self._publications.noted(turn.lease, self._publication(revision, there)))
            further = tuple(there)

        findings = Findings(MAPPED.intersection(revision.unreadable).difference(revision.too_long))
        self._write_further.look_through(revision, findings)
        earlier = partial(self._earlier, revision, turn.lease.publication.revision)
        written = self._write_study(revision, turn, findings, earlier) if revision.instances else None
        is_as_wanted = written is not None or self._write_study.remove(study, turn)
        has_more, error, failure = bool(further or (written and self._write_further.is_wanted)), None, None
        if has_more:
            note(further)
            self._remove_marks(study, asked, number)
            try:
                done = self._write_further(revision, written, further, note, turn)
                further, error = done.further, entries.further_refused(number, done.refusals)
            except Exception as raised:
                error, failure = entries.further_failed(number, raised), raised
        if not is_as_wanted and not (has_more and self._write_study.remove(study, turn)):
            error = error if failure else entries.stays(number)
        invalid = entries.left_out(revision, findings)
        after, left = self._publication(revision, further), [entry for entry in (invalid, error) if entry]
        self._check_turn(is_ours=self._publications.published(turn.lease, after, left))
        if failure:
            raise failure
        if not has_more:
            self._remove_marks(study, asked, number)
        return error or invalid

    def _earlier(self, revision: Revision, recorded: int) -> Iterator[Revision]:
        """The latest first: the one that was recorded, and those since, whose publishers may have died before that."""
        for number in range(revision.number - 1, max(recorded, 1) - 1, -1):
            earlier = self._revisions.read(revision.study, number)
            if earlier is not None:
                yield earlier.with_partial_dates()

    @staticmethod
    def _check_turn(*, is_ours: bool) -> None:
        if not is_ours:
            raise Unavailable("Publishing took so long that another process took over; it is tried again.")

    def _publication(self, revision: Revision, further: Sequence[str]) -> Publication:
        return Publication(revision.study, revision.number, self._clock(), tuple(further))

    def _remove_marks(self, study: StudyKey, *numbers: int) -> None:
        for number in sorted({*numbers}):
            self._pending.revision_published(study, number)
