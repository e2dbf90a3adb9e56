"""Stage 4: tell what happened, and start the timer of a study that opened.

Each mark is removed only after the bus has taken the event, so what is lost on
the way (a stream record, a process) is told by the sweeper. Repeats name
themselves by their change number or revision.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from imaging.model.events import instance_changed, study_revised
from imaging.model.links import Links
from imaging.model.study import Study
from imaging.pipeline.revision_archive import RevisionArchive
from imaging.ports.manifest import CommittedRevision, PendingWork, UnannouncedChange
from imaging.ports.outside import EventBus, StudyTimer


class AnnounceChange:
    """Turns rows of the manifest into events and timers."""

    def __init__(
        self,
        bus: EventBus,
        timer: StudyTimer,
        pending: PendingWork,
        archive: RevisionArchive,
        links: Links,
        *,
        quiet: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._bus = bus
        self._timer = timer
        self._pending = pending
        self._archive = archive
        self._links = links
        self._quiet = quiet
        self._clock = clock

    def tell(self, news: Sequence[UnannouncedChange | CommittedRevision | Study]) -> None:
        """Do what each record of the manifest asks for; changes go to the bus together."""
        changes = [one for one in news if isinstance(one, UnannouncedChange)]
        if changes:
            self.changes(changes)
        for one in news:
            if isinstance(one, CommittedRevision):
                self.revision(one)
            elif isinstance(one, Study):
                self.opened(one)

    def changes(self, changes: Sequence[UnannouncedChange]) -> None:
        """Tell changes of instances, in the order given."""
        self._bus.publish(
            [
                instance_changed(change.key, change.action, change.change_number, self._links.instance(change.key))
                for change in changes
            ]
        )
        for change in changes:
            self._pending.change_announced(change)

    def revision(self, revision: CommittedRevision) -> None:
        """Tell a revision; its final object is there before anyone hears of it."""
        self._archive.keep(revision)
        self._tell(revision)
        self._pending.revision_announced(revision, self._clock())

    def revision_again(self, revision: CommittedRevision) -> None:
        """Tell a revision once more that FHIR has not taken yet."""
        self._tell(revision)
        self._pending.revision_announced_again(revision, self._clock())

    def opened(self, study: Study, attempt: int = 0) -> None:
        """Start the timer that will find the study quiet."""
        self._timer.arm(study.key, study.changes, study.last_change_at + self._quiet, attempt)

    def _tell(self, revision: CommittedRevision) -> None:
        href = self._links.revision(revision.study, revision.number)
        self._bus.publish([study_revised(revision.study, revision.number, revision.counts, href)])
