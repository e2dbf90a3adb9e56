"""What was stored before an extended query tag was configured is indexed by it, a slice of studies at a time.

The register says first that a tag is pending. The walk begins when every
process that indexes knows the tag: those that run when it is configured end
within `settle`. From then on what comes is indexed by it at once, and the walk,
in the order of the bucket, meets everything else.

Any slice may end anywhere, be repeated, or run twice: rows are written only as
they were read. The next one goes on where it ended, also within a study.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from imaging.errors import ImagingError, Unavailable, nameless
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.pipeline.fill_study import FillStudy
from imaging.ports.manifest import StudyFence
from imaging.ports.objects import ObjectListing, ObjectStore
from imaging.ports.query_tags import AttributeRewriting, TagRegister, TagRegisters, name_of
from imaging.ports.reconciliation import ManifestSurvey
from imaging.settings import QueryTag

_STUDIES_A_NOTE = 20
_MOST_LEFT = 200  # a walk waits for them before it leaves more


class Warn(Protocol):
    """Tells operators what they should look at, as `logging.Logger.warning` does."""

    def __call__(self, message: str, /, *, extra: Mapping[str, object]) -> None:
        """Tell it; `extra` has UIDs and no other attribute of a patient or study."""


@dataclass(frozen=True)
class Stores:
    """What the walk reads: what there is, in which order, and what is kept of it."""

    listing: ObjectListing
    objects: ObjectStore
    fence: StudyFence
    survey: ManifestSurvey


class BackFill:
    """Goes on with one space's walk.

    Parameters
    ----------
    settle
        How long a process may live that was started before a tag was configured.
    """

    def __init__(
        self,
        stores: Stores,
        registers: TagRegisters,
        rewriting: AttributeRewriting,
        query_tags: Sequence[QueryTag],
        *,
        settle: timedelta,
        clock: Callable[[], datetime],
        warn: Warn,
    ) -> None:
        self._stores = stores
        self._registers = registers
        self._study = FillStudy(stores.objects, stores.fence, rewriting, query_tags, clock)
        self._query_tags = query_tags
        self._settle = settle
        self._clock = clock
        self._warn = warn

    def __call__(self, space: str, until: datetime) -> TagRegister:
        """Rewrite studies until the walk is over or it is `until`; how far it has come."""
        register = self._noticed(space)
        if not register.pending or self._clock() < (register.since or self._clock()) + self._settle:
            return register
        waiting = len(register.left) + len(register.failed)
        for walked, study_instance_uid in enumerate(self._ahead(register), start=1):
            register, is_behind = self._at(register, StudyKey(space, study_instance_uid), until)
            if not is_behind:
                return self._noted(register)
            if walked % _STUDIES_A_NOTE == 0:
                register = self._noted(register)
            if self._clock() >= until or len(register.left) + len(register.failed) > _MOST_LEFT + waiting:
                return self._noted(register)
        if not register.left and not register.failed:
            register = replace(register, ready=register.ready | register.pending, pending=frozenset(), since=None)
        return self._noted(register)

    def _noticed(self, space: str) -> TagRegister:
        """The register, with what is configured now; a tag that no longer is starts over when it comes back."""
        register = self._registers.read_register(space)
        configured = frozenset(map(name_of, self._query_tags))
        known = register.ready | register.pending
        if configured == known:
            return register
        now = replace(register, ready=register.ready & configured, pending=configured - register.ready)
        if configured - known:
            studies = sum(1 for _ in self._stores.survey.studies_of(space))
            now = TagRegister(
                space, now.ready, now.pending, since=self._clock(), studies_in_all=studies, version=register.version
            )
        return self._noted(now)

    def _noted(self, register: TagRegister) -> TagRegister:
        written = self._registers.write_register(register)
        if written is None:
            raise Unavailable("Somebody else is indexing the same space by a new query tag; one is enough.")
        return written

    def _ahead(self, register: TagRegister) -> Iterator[str]:
        yield from register.left
        yield from self._stores.listing.studies(register.space, register.last_study)
        yield from register.failed

    def _at(self, register: TagRegister, study: StudyKey, until: datetime) -> tuple[TagRegister, bool]:
        """The register when the walk has been at that study, and whether it goes on behind it."""
        try:
            if study.study_instance_uid not in register.left:
                behind = register.reached if register.reached and register.reached.study == study else None
                filled = self._study.instances(study, behind, until)
                register = self._passing(register, filled.passed_over)
                if filled.reached:
                    return replace(register, reached=filled.reached), False
            is_done = self._study.levels(study)
        except ImagingError:
            self._warn("indexing by a new query tag stopped at a study; it goes on there", extra=asdict(study))
            self._noted(register)
            raise
        except Exception as failure:
            self._warn(
                "a study cannot be indexed by a new query tag; it is come back to",
                extra={**asdict(study), **nameless(failure)},
            )
            return _behind(register, study.study_instance_uid, is_failed=True), True
        return _behind(register, study.study_instance_uid, is_left=not is_done), True

    def _passing(self, register: TagRegister, passed_over: Sequence[InstanceKey]) -> TagRegister:
        for key in passed_over:
            self._warn("an instance cannot be indexed by a new query tag: its metadata is lost", extra=asdict(key))
        return replace(register, instances_passed_over=register.instances_passed_over + len(passed_over))


def _behind(
    register: TagRegister, study_instance_uid: str, *, is_left: bool = False, is_failed: bool = False
) -> TagRegister:
    """The register behind a study that is done, or has moved on, or has failed."""
    was_met = study_instance_uid in (*register.left, *register.failed)
    reached, this = register.reached, (study_instance_uid,)
    return replace(
        register,
        left=(*_without(register.left, study_instance_uid), *(this if is_left else ())),
        failed=(*_without(register.failed, study_instance_uid), *(this if is_failed else ())),
        last_study=register.last_study if was_met else study_instance_uid,
        reached=None if reached and reached.study_instance_uid == study_instance_uid else reached,
        studies_done=register.studies_done + (not is_left and not is_failed),
    )


def _without(uids: Sequence[str], uid: str) -> tuple[str, ...]:
    return tuple(each for each in uids if each != uid)
