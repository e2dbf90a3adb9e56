"""Bring the manifest to what the bucket holds: S3 is the truth, whatever was lost on the way.

A pass looks from both sides. It walks the bucket in the order of its keys,
several studies side by side, and compares all versions of each with its rows;
what differs goes through stage 2, as if its event had come again. Then it takes
the manifest's studies that the walk has not met, and asks the bucket whether it
has lost them whole.

A pass may take days. Each slice of it ends at its deadline, and the next one,
of any process, goes on where that ended. Whoever dies in between leaves a
cursor that is a little behind: what is compared twice is the same.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby

from imaging.dicom.uid import check_uid
from imaging.errors import ImagingError, Rejected, Unavailable, nameless
from imaging.model.identifiers import StudyKey
from imaging.model.reconciliation import Pass, Phase, Reconciled
from imaging.pipeline.back_fill import Warn
from imaging.pipeline.orphans import Orphans
from imaging.pipeline.reconcile_study import ReconcileStudy
from imaging.pipeline.revision_archive import RevisionArchive
from imaging.ports.objects import ListedVersion, ObjectListing
from imaging.ports.reconciliation import ManifestSurvey, ReconcilePasses

_SIDE_BY_SIDE = 8
_VERSIONS_AT_A_TIME = 20_000  # of the studies that are compared side by side; one that has more is alone
_LEASE = timedelta(minutes=10)
_KEPT_EVERY = timedelta(seconds=10)
_LOOKED_EVERY_SECONDS = 5.0
_AGAIN = timedelta(days=1)  # after a pass that left something
_MOST_REMEMBERED = 200_000  # Study Instance UIDs; some 30 MB


class Overtaken(Unavailable):
    """Another slice has taken over the pass; this one ended, and nothing is lost."""


class Reconcile:
    """Compares spaces' buckets with their manifest.

    Parameters
    ----------
    side_by_side
        How many studies are compared at a time.
    """

    def __init__(
        self,
        listing: ObjectListing,
        archive: RevisionArchive,
        survey: ManifestSurvey,
        passes: ReconcilePasses,
        study: ReconcileStudy,
        orphans: Orphans,
        clock: Callable[[], datetime],
        warn: Warn,
        *,
        side_by_side: int = _SIDE_BY_SIDE,
    ) -> None:
        self._listing = listing
        self._archive = archive
        self._survey = survey
        self._passes = passes
        self._study = study
        self._orphans = orphans
        self._clock = clock
        self._warn = warn
        self._side_by_side = side_by_side

    def __call__(
        self,
        space: str,
        *,
        resume: bool = False,
        deadline: datetime | None = None,
        progress: Callable[[Pass], None] = lambda _: None,
    ) -> Pass:
        """Reconcile the space.

        Parameters
        ----------
        resume
            Go on with the pass that was interrupted, if there is one; otherwise
            a new one begins, and overtakes whoever is at it.
        deadline
            When to stop beginning with further studies; None: at the end.
        progress
            Called after each study.

        Returns
        -------
        Pass
            Its phase is `DONE` unless the deadline came first.

        Raises
        ------
        Overtaken
            Somebody else is at it, or has begun anew meanwhile.
        Unavailable
            The bucket cannot be listed, or the manifest be read; resume it.
        """
        under_way = self._passes.read(space) if resume else None
        if under_way is None or under_way.phase is Phase.DONE:
            begun = self._passes.begin(space, self._clock(), self._clock() + _LEASE)
            return self._go_on(begun, deadline, progress)
        resumed = self._passes.resume(under_way, self._clock(), self._clock() + _LEASE)
        if resumed is None:
            raise Overtaken("Another process reconciles this space now; it is tried again when that has ended.")
        return self._go_on(resumed, deadline, progress)

    def when_due(self, space: str, every: timedelta, deadline: datetime) -> Pass | None:
        """Work a slice, if a pass is under way or the last one began so long ago; None if there is nothing to do."""
        last = self._passes.read(space)
        if last and last.phase is Phase.DONE:
            every = min(every, _AGAIN) if last.found.failed else every
            if self._clock() < last.began_at + every:
                return None
        with suppress(Overtaken):
            return self(space, resume=True, deadline=deadline)
        return None

    def _go_on(self, under_way: Pass, deadline: datetime | None, progress: Callable[[Pass], None]) -> Pass:
        slice_ = _Slice(under_way, self._passes, self._clock, deadline, progress, self._warn, self._side_by_side)
        try:
            if under_way.phase is Phase.BUCKET:
                met: set[str] = set()
                slice_.work(self._of_bucket(under_way, met))
                if slice_.is_over:
                    return under_way
                under_way.found.add(self._orphans.drafts(under_way.space))
                under_way.phase, under_way.position = Phase.MANIFEST, ""
                slice_.work(self._of_manifest(under_way, met))
            else:
                slice_.work(self._of_manifest(under_way, set()))
            if not slice_.is_over:
                under_way.phase, under_way.position, under_way.ended_at = Phase.DONE, "", self._clock()
        finally:
            self._passes.keep(under_way, self._clock())
        return under_way

    def _of_bucket(self, under_way: Pass, met: set[str]) -> "Iterator[_Work]":
        start_after = f"studies/{under_way.position}/~" if under_way.position else ""
        listed = self._listing.all_versions(under_way.space, "studies/", start_after)
        for name, listed_versions in groupby(listed, key=_study_of):
            if len(met) < _MOST_REMEMBERED:
                met.add(name)
            study, versions = StudyKey(under_way.space, name), list(listed_versions)
            # What is no UID was put by hand: it may name a patient, and is no place to go on behind.
            yield _Work(name if _is_uid(name) else "", study, len(versions), partial(self._study, study, versions))

    def _of_manifest(self, under_way: Pass, met: set[str]) -> "Iterator[_Work]":
        for position, study in self._survey.studies_of(under_way.space, under_way.position):
            if study.study_instance_uid not in met:
                yield _Work(position, study, 1, partial(self._if_lost, study))

    def _if_lost(self, study: StudyKey) -> Reconciled:
        # Nearly every study has its first revision; to look for that costs a twelfth of a listing.
        if self._archive.has(study, 1) or self._listing.has_versions(study.space, study.prefix):
            return Reconciled()
        return self._study.lost_whole(study)


@dataclass(frozen=True)
class _Work:
    """A study to compare.

    Attributes
    ----------
    position
        Where the cursor goes when it is done; "": it stays.
    versions
        How many were listed of it.
    """

    position: str
    study: StudyKey
    versions: int
    call: Callable[[], Reconciled]


class _Slice:
    """Works studies side by side, and moves the cursor over those that are done without a gap."""

    def __init__(
        self,
        under_way: Pass,
        passes: ReconcilePasses,
        clock: Callable[[], datetime],
        deadline: datetime | None,
        progress: Callable[[Pass], None],
        warn: Warn,
        side_by_side: int,
    ) -> None:
        self._under_way = under_way
        self._passes = passes
        self._clock = clock
        self._deadline = deadline
        self._progress = progress
        self._warn = warn
        self._side_by_side = side_by_side
        self._kept_at = clock()
        self.is_over = False

    def work(self, studies: Iterable[_Work]) -> None:
        """Go through the studies until the deadline, and so far that the cursor moves."""
        ahead: deque[tuple[_Work, Future[Reconciled]]] = deque()
        has_begun = False
        with ThreadPoolExecutor(self._side_by_side, thread_name_prefix="reconcile") as pool:
            try:
                for work in studies:
                    while ahead and not self._has_room(work, [each for each, _ in ahead]):
                        self._finish(*ahead.popleft())
                    if has_begun and self._deadline and self._clock() >= self._deadline:
                        self.is_over = True
                        break
                    ahead.append((work, pool.submit(work.call)))
                    has_begun = has_begun or bool(work.position)
                while ahead:
                    self._finish(*ahead.popleft())
            finally:
                for _, future in ahead:
                    future.cancel()

    def _has_room(self, work: _Work, ahead: Sequence[_Work]) -> bool:
        if len(ahead) >= 2 * self._side_by_side:
            return False
        return work.versions + sum(each.versions for each in ahead) <= _VERSIONS_AT_A_TIME

    def _finish(self, work: _Work, future: Future[Reconciled]) -> None:
        while not wait([future], timeout=_LOOKED_EVERY_SECONDS).done:
            self._keep()
        try:
            self._under_way.found.add(future.result())
        except ImagingError as failure:
            self._fail(work.study, {"reason": str(failure)})
        except Exception as failure:
            self._fail(work.study, nameless(failure))
        self._under_way.position = work.position or self._under_way.position
        self._keep()
        self._progress(self._under_way)

    def _keep(self) -> None:
        if self._clock() >= self._kept_at + _KEPT_EVERY:
            self._kept_at = self._clock()
            if not self._passes.keep(self._under_way, self._kept_at + _LEASE):
                raise Overtaken("Another process has begun to reconcile this space anew, and goes on with it.")

    def _fail(self, study: StudyKey, why: Mapping[str, object]) -> None:
        name = study.study_instance_uid if _is_uid(study.study_instance_uid) else "no UID"
        named = {"space": study.space, "study_instance_uid": name}
        self._warn("a study could not be reconciled; the next pass tries again", extra={**named, **why})
        self._under_way.found.add(Reconciled(failed=1, failed_studies=[name]))


def _study_of(version: ListedVersion) -> str:
    """What stands behind ``studies/``; "" for an object that lies right there."""
    name, below, _ = version.object_key.removeprefix("studies/").partition("/")
    return name if below else ""


def _is_uid(name: str) -> bool:
    try:
        check_uid("StudyInstanceUID", name)
    except Rejected:
        return False
    return True
