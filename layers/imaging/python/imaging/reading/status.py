"""What the manifest holds and what is waiting, for the operators' command."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from imaging.ports.manifest import PendingWork, StudyFence, StudyRestoration


@dataclass(frozen=True)
class SpaceCounts:
    """How much a space holds now."""

    space: str
    studies: int
    series: int
    instances: int


@dataclass(frozen=True)
class Waiting:
    """Work that is under way or was left."""

    studies_open: int
    changes_unannounced: int
    revisions_unannounced: int
    revisions_unpublished: int


@dataclass(frozen=True)
class Status:
    """All of it."""

    spaces: tuple[SpaceCounts, ...]
    waiting: Waiting


class ReadStatus:
    """Counts by walking the manifest; its cost grows with the number of studies."""

    def __init__(
        self,
        spaces: Sequence[str],
        fence: StudyFence,
        studies: StudyRestoration,
        pending: PendingWork,
        clock: Callable[[], datetime],
    ) -> None:
        self._spaces = spaces
        self._fence = fence
        self._studies = studies
        self._pending = pending
        self._clock = clock

    def __call__(self) -> Status:
        """Count."""
        now = self._clock()
        return Status(
            spaces=tuple(self._counts(space) for space in self._spaces),
            waiting=Waiting(
                studies_open=_count(self._pending.open_studies(now)),
                changes_unannounced=_count(self._pending.unannounced_changes(now)),
                revisions_unannounced=_count(self._pending.unannounced_revisions(now)),
                revisions_unpublished=_count(self._pending.unpublished_revisions(now)),
            ),
        )

    def _counts(self, space: str) -> SpaceCounts:
        studies = [study for key in self._studies.studies_of(space) if (study := self._fence.read_study(key))]
        return SpaceCounts(
            space=space,
            studies=len(studies),
            series=sum(study.series for study in studies),
            instances=sum(study.instances for study in studies),
        )


def _count(things: Iterable[object]) -> int:
    return sum(1 for _ in things)
