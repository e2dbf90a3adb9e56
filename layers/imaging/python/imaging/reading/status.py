"""What the manifest holds and what is waiting, for the operators' command."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from imaging.ports.manifest import PendingWork, StudyFence, StudyRestoration
from imaging.ports.query_tags import TagRegister, TagRegisters


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
class TagProgress:
    """How far a space is indexed by its extended query tags.

    Attributes
    ----------
    ready, pending
        Tags with level, VR and private creator.
    percent
        Of what was stored before the pending ones were configured.
    """

    space: str
    ready: tuple[str, ...]
    pending: tuple[str, ...]
    percent: int
    studies_done: int
    studies_in_all: int
    since: str

    @classmethod
    def of(cls, register: TagRegister) -> "TagProgress":
        """The same as the register has it."""
        return cls(
            space=register.space,
            ready=tuple(sorted(register.ready)),
            pending=tuple(sorted(register.pending)),
            percent=register.percent,
            studies_done=register.studies_done,
            studies_in_all=register.studies_in_all,
            since=register.since.isoformat() if register.since else "",
        )


@dataclass(frozen=True)
class Status:
    """All of it; of query tags only the spaces that have any."""

    spaces: tuple[SpaceCounts, ...]
    waiting: Waiting
    query_tags: tuple[TagProgress, ...] = ()


class ReadStatus:
    """Counts by walking the manifest; its cost grows with the number of studies."""

    def __init__(
        self,
        spaces: Sequence[str],
        fence: StudyFence,
        studies: StudyRestoration,
        pending: PendingWork,
        registers: TagRegisters,
        clock: Callable[[], datetime],
    ) -> None:
        self._spaces = spaces
        self._fence = fence
        self._studies = studies
        self._pending = pending
        self._registers = registers
        self._clock = clock

    def __call__(self) -> Status:
        """Count."""
        now = self._clock()
        registers = [self._registers.read_register(space) for space in self._spaces]
        return Status(
            spaces=tuple(self._counts(space) for space in self._spaces),
            waiting=Waiting(
                studies_open=_count(self._pending.open_studies(now)),
                changes_unannounced=_count(self._pending.unannounced_changes(now)),
                revisions_unannounced=_count(self._pending.unannounced_revisions(now)),
                revisions_unpublished=_count(self._pending.unpublished_revisions(now)),
            ),
            query_tags=tuple(TagProgress.of(register) for register in registers if register.version),
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
