"""Read the dashboard's figures, for the operators' command and the page of what came in."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import islice

from imaging.model.completion import Completions
from imaging.model.feed import SpaceTotals
from imaging.model.publication import ErrorKind
from imaging.model.queues import Queue, QueueKind
from imaging.model.study import Study
from imaging.ports.feed import FeedSource
from imaging.ports.manifest import PendingKind
from imaging.ports.marks import Marks, Tally
from imaging.ports.publication import FhirErrors
from imaging.ports.query_tags import TagRegisters
from imaging.ports.queues import QueueGauge
from imaging.ports.reconciliation import ReconcilePasses
from imaging.ports.refused import RefusedDeliveries
from imaging.reading.status import PassState, QueueState, SpaceCounts, Status, Waiting
from imaging.reading.tag_progress import TagProgress
from imaging.reading.trouble import OVERDUE, trouble

_ARRIVALS = timedelta(hours=1)
_STUDIES_LOOKED_AT = 1000
_REFUSED_LOOKED_AT = 10_000


class ReadStatus:
    """Reads totals, marks and queues; what it costs depends on what waits and is not in FHIR, not on what is held.

    Parameters
    ----------
    count_up_to
        Where marks and entries of FHIR are counted no further, so that the cost
        has a bound as well; None counts all of them.
    """

    def __init__(
        self,
        spaces: Sequence[str],
        feed: FeedSource,
        marks: Marks,
        gauge: QueueGauge,
        refused: RefusedDeliveries,
        passes: ReconcilePasses,
        registers: TagRegisters,
        fhir_errors: FhirErrors,
        *,
        queues: Sequence[Queue],
        completions: Completions,
        clock: Callable[[], datetime],
        count_up_to: int | None = None,
    ) -> None:
        self._spaces = spaces
        self._feed = feed
        self._marks = marks
        self._gauge = gauge
        self._refused = refused
        self._passes = passes
        self._registers = registers
        self._fhir_errors = fhir_errors
        self._queues = queues
        self._completions = completions
        self._clock = clock
        self._count_up_to = count_up_to

    def __call__(self) -> Status:
        """Read."""
        now = self._clock()
        with ThreadPoolExecutor() as pool:
            spaces = pool.map(lambda space: self._counts(space, now), self._spaces)
            registers = pool.map(self._registers.read_register, self._spaces)
            passes = pool.map(self._passes.read, self._spaces)
            of_kinds = pool.map(self._not_in_fhir, ErrorKind)
            refused = Counter(binding for binding, _ in islice(self._refused.read_refused(now), _REFUSED_LOOKED_AT))
            figures = pool.submit(self._gauge.figures, self._queues)
            waiting = self._waiting(now)
            queues = tuple(QueueState(queue.name, queue.kind, figures.result()[queue.name]) for queue in self._queues)
        reconciled = tuple(PassState.of(each) for each in passes if each)
        fhir_errors = {kind.value: count for kind, count in zip(ErrorKind, of_kinds, strict=True) if count}
        return Status(
            as_of=now,
            spaces=tuple(spaces),
            waiting=waiting,
            oldest_unindexed_seconds=max(
                (
                    queue.figures.oldest_seconds
                    for queue in queues
                    if queue.kind is QueueKind.INDEX_INSTANCE and queue.figures.oldest_seconds is not None
                ),
                default=None,
            ),
            queues=queues,
            refused_deliveries=dict(refused),
            fhir_errors=fhir_errors,
            reconciled=reconciled,
            query_tags=tuple(TagProgress.of(register) for register in registers if register.version),
            trouble=tuple(trouble(waiting, queues, refused, reconciled, fhir_errors, self._count_up_to)),
            counted_up_to=self._count_up_to,
        )

    def _counts(self, space: str, now: datetime) -> SpaceCounts:
        head = self._feed.head(space)
        totals = head.totals if head else SpaceTotals()
        return SpaceCounts(
            space=space,
            studies=totals.studies,
            series=totals.series,
            instances=totals.instances,
            bytes=totals.bytes,
            changes=head.last if head else 0,
            changes_last_hour=head.last - self._feed.last_before(space, now - _ARRIVALS, head) if head else 0,
        )

    def _not_in_fhir(self, kind: ErrorKind) -> int:
        count = 0
        for space in self._spaces:
            left = None if self._count_up_to is None else self._count_up_to - count
            count += self._fhir_errors.count_errors(space, kind, left)
        return count

    def _waiting(self, now: datetime) -> Waiting:
        kinds = (PendingKind.FINALIZE, PendingKind.ANNOUNCE_CHANGE, PendingKind.ANNOUNCE_FEED)
        with ThreadPoolExecutor() as pool:
            opened, changes, events, revisions, unpublished, commitments = pool.map(
                lambda kind: self._marks.tally(kind, at_most=self._count_up_to),
                (*kinds, PendingKind.ANNOUNCE_REVISION, PendingKind.PUBLISH, PendingKind.COMMIT),
            )
        studies = self._marks.open_studies(_STUDIES_LOOKED_AT) if opened.count else []
        first = self._marks.unpublished_revisions(_STUDIES_LOOKED_AT) if unpublished.count else []
        return Waiting(
            studies_open=opened.count,
            studies_overdue=sum(self._is_overdue(study, now) for study in studies),
            changes_unannounced=changes.count,
            changes_unannounced_seconds=_age(changes, now),
            events_unannounced=events.count,
            events_unannounced_seconds=_age(events, now),
            revisions_unannounced=revisions.count,
            revisions_unannounced_seconds=_age(revisions, now),
            revisions_unpublished=unpublished.count,
            # Not the age of the mark: each time the sweep announces the revision again, that waits anew.
            fhir_lag_seconds=max((_seconds(now - revision.created_at) for revision in first), default=None),
            commitments_pending=commitments.count,
        )

    def _is_overdue(self, study: Study, now: datetime) -> bool:
        return self._completions.due(study).at + OVERDUE < now


def _age(tally: Tally, now: datetime) -> int | None:
    return _seconds(now - tally.oldest) if tally.oldest else None


def _seconds(age: timedelta) -> int:
    return max(0, round(age.total_seconds()))
