"""Stage 4: tell what happened, and start the timer of a study that opened.

A change comes into the feed first and goes to the bus from there: whoever
hears of it finds it. Each mark is removed only after the bus has taken the
event, so what is lost on the way (a stream record, a process) is told by the
sweeper. Repeats name themselves by their change number or revision.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from imaging.model.completion import Completions
from imaging.model.events import instance_changed, study_revised
from imaging.model.feed import FeedBatch
from imaging.model.identifiers import InstanceKey
from imaging.model.links import Links
from imaging.model.study import Study
from imaging.pipeline.revision_archive import RevisionArchive
from imaging.ports.feed import ChangeFeed
from imaging.ports.manifest import CommittedRevision, PendingWork
from imaging.ports.outside import EventBus, StudyTimer
from imaging.settings import Space


class AnnounceChange:
    """Turns rows of the manifest into events and timers."""

    def __init__(
        self,
        feed: ChangeFeed,
        bus: EventBus,
        timer: StudyTimer,
        pending: PendingWork,
        archive: RevisionArchive,
        links: Links,
        *,
        quiet: timedelta,
        clock: Callable[[], datetime],
        spaces: Mapping[str, Space] | None = None,
    ) -> None:
        self._feed = feed
        self._bus = bus
        self._timer = timer
        self._pending = pending
        self._archive = archive
        self._links = links
        self._completions = Completions(quiet, spaces or {})
        self._clock = clock

    def tell(self, news: Sequence[InstanceKey | CommittedRevision | Study]) -> None:
        """Do what each record of the manifest asks for; changes of instances are told together."""
        instances = [one for one in news if isinstance(one, InstanceKey)]
        if instances:
            self.changes(instances)
        for one in news:
            if isinstance(one, CommittedRevision):
                self.revision(one)
            elif isinstance(one, Study):
                self.opened(one)

    def changes(self, instances: Sequence[InstanceKey]) -> int:
        """Tell all that these instances have not told yet; how many changes that were."""
        told = 0
        for batch in self._feed.append(instances, self._clock):
            self.batch(batch)
            told += len(batch.changes)
        return told

    def batch(self, batch: FeedBatch) -> None:
        """Tell the bus what came into the feed together."""
        self._bus.publish(
            [
                instance_changed(change.key, change.action, change.change_number, self._links.instance(change.key))
                for change in batch.changes
            ]
        )
        self._pending.batch_announced(batch)

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
        """Start the timer that will find the study complete."""
        self._timer.arm(study.key, study.changes, self._completions.due(study), attempt)

    def _tell(self, revision: CommittedRevision) -> None:
        href = self._links.revision(revision.study, revision.number)
        self._bus.publish([study_revised(revision.study, revision.number, revision.counts, revision.reason, href)])
