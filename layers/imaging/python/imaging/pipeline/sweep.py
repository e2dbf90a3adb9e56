"""What a crash, a lost timer or a lost stream record left behind is taken up again."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, islice

from imaging.errors import ImagingError
from imaging.model.completion import Completions
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.study import StudyState
from imaging.pipeline.announce_change import AnnounceChange
from imaging.ports.manifest import PendingWork, StudyFence
from imaging.settings import Space

_INSTANCES_AT_ONCE = 95  # as many as the feed takes in one batch


@dataclass(frozen=True)
class Grace:
    """How old a mark must be before the sweeper takes it for lost."""

    timer: timedelta = timedelta(seconds=60)
    announcement: timedelta = timedelta(seconds=60)
    publication: timedelta = timedelta(hours=4)
    """Longer than the queue of publishing tries, 14 times with waits of 15 minutes at most."""
    publication_at_most: timedelta = timedelta(days=1)
    """What FHIR has refused for so long stays marked, for an operator to look at."""

    @classmethod
    def of_seconds(cls, seconds: float) -> "Grace":
        """The same for all, and nothing too old."""
        grace = timedelta(seconds=seconds)
        return cls(timer=grace, announcement=grace, publication=grace, publication_at_most=timedelta.max)


@dataclass
class Swept:
    """How much was taken up, and how much could not be; that keeps its mark."""

    timers: int = 0
    changes: int = 0
    batches: int = 0
    revisions: int = 0
    publications: int = 0
    failed: int = 0


class Sweep:
    """Goes through the marks of work left; one that cannot be dealt with holds up no other."""

    def __init__(
        self,
        pending: PendingWork,
        fence: StudyFence,
        announce: AnnounceChange,
        *,
        quiet: timedelta,
        clock: Callable[[], datetime],
        spaces: Mapping[str, Space] | None = None,
    ) -> None:
        self._pending = pending
        self._fence = fence
        self._announce = announce
        self._completions = Completions(quiet, spaces or {})
        self._clock = clock

    def __call__(self, grace: Grace) -> Swept:
        """Take up all that is overdue by more than `grace`."""
        now = self._clock()
        swept = Swept()
        for key in self._pending.open_studies(now - self._completions.shortest - grace.timer):
            with _counted_if_failed(swept):
                swept.timers += self._rearm(key, now, grace.timer)
        for instances in _batched(self._pending.unannounced_changes(now - grace.announcement)):
            with _counted_if_failed(swept):
                swept.changes += self._announce.changes(instances)
        for batch in self._pending.unannounced_batches(now - grace.announcement):
            with _counted_if_failed(swept):
                self._announce.batch(batch)
                swept.batches += 1
        for revision in self._pending.unannounced_revisions(now - grace.announcement):
            with _counted_if_failed(swept):
                self._announce.revision(revision)
                swept.revisions += 1
        for revision in self._pending.unpublished_revisions(now - grace.publication):
            if now - revision.created_at < grace.publication_at_most:
                with _counted_if_failed(swept):
                    self._announce.revision_again(revision)
                    swept.publications += 1
        return swept

    def _rearm(self, key: StudyKey, now: datetime, grace: timedelta) -> bool:
        """A new timer; Step Functions remembers a name for 90 days, so the attempt is the moment of the sweep."""
        study = self._fence.read_study(key)
        if study is None or study.state is StudyState.FINAL or self._completions.due(study).at + grace > now:
            return False
        self._announce.opened(study, attempt=int(now.timestamp()))
        self._pending.study_rearmed(key, now)
        return True


@contextmanager
def _counted_if_failed(swept: Swept) -> Iterator[None]:
    try:
        yield
    except ImagingError:
        swept.failed += 1


def _batched(instances: Iterable[InstanceKey]) -> Iterator[list[InstanceKey]]:
    """Some at a time, those of one space: what fails in one must hold up no other."""
    remaining = iter(instances)
    while batch := list(islice(remaining, _INSTANCES_AT_ONCE)):
        for _, of_space in groupby(sorted(batch, key=_space), key=_space):
            yield list(of_space)


def _space(instance: InstanceKey) -> str:
    return instance.space
