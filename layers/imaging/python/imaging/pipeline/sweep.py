"""What a crash, a lost timer or a lost stream record left behind is taken up again."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from imaging.model.study import StudyState
from imaging.pipeline.announce_change import AnnounceChange
from imaging.ports.manifest import CommittedRevision, PendingWork, StudyFence, UnannouncedChange

_EVENTS_AT_ONCE = 50


@dataclass(frozen=True)
class Grace:
    """How old a mark must be before the sweeper takes it for lost."""

    timer: timedelta = timedelta(seconds=60)
    announcement: timedelta = timedelta(seconds=60)
    publication: timedelta = timedelta(minutes=15)
    publication_at_most: timedelta = timedelta(days=1)
    """What FHIR has refused for so long stays marked, for an operator to look at."""

    @classmethod
    def of_seconds(cls, seconds: float) -> "Grace":
        """The same for all, and nothing too old."""
        grace = timedelta(seconds=seconds)
        return cls(timer=grace, announcement=grace, publication=grace, publication_at_most=timedelta.max)


@dataclass(frozen=True)
class Swept:
    """How much was taken up."""

    timers: int
    changes: int
    revisions: int
    publications: int


class Sweep:
    """Goes through the marks of work left."""

    def __init__(
        self,
        pending: PendingWork,
        fence: StudyFence,
        announce: AnnounceChange,
        *,
        quiet: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._pending = pending
        self._fence = fence
        self._announce = announce
        self._quiet = quiet
        self._clock = clock

    def __call__(self, grace: Grace) -> Swept:
        """Take up all that is overdue by more than `grace`."""
        now = self._clock()
        return Swept(
            timers=self._rearm(now, grace.timer),
            changes=self._announce_changes(now - grace.announcement),
            revisions=_each(self._announce.revision, self._pending.unannounced_revisions(now - grace.announcement)),
            publications=_each(
                self._announce.revision_again,
                (
                    revision
                    for revision in self._pending.unpublished_revisions(now - grace.publication)
                    if now - revision.created_at < grace.publication_at_most
                ),
            ),
        )

    def _rearm(self, now: datetime, grace: timedelta) -> int:
        """New timers; Step Functions remembers a name for 90 days, so the attempt is the moment of the sweep."""
        rearmed = 0
        for key in self._pending.open_studies(now - self._quiet - grace):
            study = self._fence.read_study(key)
            if (
                study is not None
                and study.state is not StudyState.FINAL
                and study.last_change_at + self._quiet + grace <= now
            ):
                self._announce.opened(study, attempt=int(now.timestamp()))
                rearmed += 1
        return rearmed

    def _announce_changes(self, before: datetime) -> int:
        announced = 0
        for batch in _batched(self._pending.unannounced_changes(before)):
            self._announce.changes(batch)
            announced += len(batch)
        return announced


def _each(act: Callable[[CommittedRevision], None], revisions: Iterable[CommittedRevision]) -> int:
    count = 0
    for revision in revisions:
        act(revision)
        count += 1
    return count


def _batched(changes: Iterable[UnannouncedChange]) -> Iterator[list[UnannouncedChange]]:
    remaining = iter(changes)
    while batch := list(islice(remaining, _EVENTS_AT_ONCE)):
        yield batch
