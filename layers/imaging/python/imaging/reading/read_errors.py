"""What needs a human: what no retry and no sweep will mend."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from imaging.model.publication import ErrorKind
from imaging.model.queues import Queue, QueueKind, refusal_of
from imaging.ports.marks import Marks
from imaging.ports.publication import FhirErrors
from imaging.ports.queues import DeadLetter, DeadLetters, QueueGauge
from imaging.ports.refused import RefusedDeliveries
from imaging.reading.quarantine import Quarantined, ReadQuarantine
from imaging.reading.trouble import LONG_UNPUBLISHED

_REVISIONS_LOOKED_AT = 1000
_REFUSED_LOOKED_AT = 10_000


@dataclass(frozen=True)
class LettersLeft:
    """The dead letters of one queue.

    Attributes
    ----------
    oldest
        When the oldest of the first `looked_at` was sent.
    reasons
        Of a binding's queue: how many of those the target refuses, and why.
    """

    queue: str
    kind: QueueKind
    letters: int
    looked_at: int
    oldest: datetime | None
    reasons: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """What a binding's target refuses of one study: how many instances or revisions, of the first 10,000 of all."""

    binding: str
    space: str
    study: str
    deliveries: int


@dataclass(frozen=True)
class Unpublished:
    """A revision that has not reached FHIR for more than an hour."""

    space: str
    study: str
    revision: int
    created: datetime


@dataclass(frozen=True)
class FhirErrorLeft:
    """A study that could not be written to FHIR, or not whole."""

    space: str
    study: str
    revision: int
    message: str
    attempts: int
    time: datetime


@dataclass(frozen=True)
class FhirErrorsLeft:
    """The entries of one kind: how many there are, and the newest of each space."""

    kind: ErrorKind
    studies: int
    newest: tuple[FhirErrorLeft, ...]


@dataclass(frozen=True)
class Errors:
    """All of it; empty where nothing is wrong."""

    dead_letters: tuple[LettersLeft, ...]
    quarantine: tuple[Quarantined, ...]
    refused: tuple[Refused, ...]
    unpublished: tuple[Unpublished, ...]
    fhir: tuple[FhirErrorsLeft, ...]

    @property
    def needs_human(self) -> bool:
        """Whether there is anything to mend."""
        in_fhir = any(left.kind.needs_human for left in self.fhir)
        return bool(self.dead_letters or self.quarantine or self.refused or self.unpublished or in_fhir)


class ReadErrors:
    """Looks at the first so many of everything that can be many."""

    def __init__(
        self,
        spaces: Sequence[str],
        gauge: QueueGauge,
        letters: DeadLetters,
        marks: Marks,
        quarantine: ReadQuarantine,
        refused: RefusedDeliveries,
        fhir_errors: FhirErrors,
        *,
        queues: Sequence[Queue],
        clock: Callable[[], datetime],
    ) -> None:
        self._spaces = spaces
        self._gauge = gauge
        self._letters = letters
        self._marks = marks
        self._quarantine = quarantine
        self._refused = refused
        self._fhir_errors = fhir_errors
        self._queues = queues
        self._clock = clock

    def __call__(self, at_most: int, progress: Callable[[str], None]) -> Errors:
        """Look.

        Parameters
        ----------
        at_most
            How many letters of a queue, objects of a quarantine and entries of a kind in a space to look at.
        progress
            Told what is looked at next.
        """
        figures = self._gauge.figures(self._queues)
        dead_letters = []
        for queue in self._queues:
            if count := figures[queue.name].dead_letters:
                progress(f"dead letters of {queue.name}")
                dead_letters.append(_left(queue, count, self._letters.peek(queue, at_most)))
        quarantine = []
        for space in self._spaces:
            progress(f"quarantine of {space}")
            quarantine.append(self._quarantine(space, at_most))
        progress("what bindings could not deliver, and what is not in FHIR")
        return Errors(
            dead_letters=tuple(dead_letters),
            quarantine=tuple(each for each in quarantine if each.objects),
            refused=self._refused_now(),
            unpublished=self._unpublished(),
            fhir=tuple(left for kind in ErrorKind if (left := self.of_kind(kind, at_most)).studies),
        )

    def of_kind(self, kind: ErrorKind, at_most: int) -> FhirErrorsLeft:
        """What could not be written to FHIR, of one kind; newest first, at most so many of a space."""
        found = [
            FhirErrorLeft(
                each.study.space,
                each.study.study_instance_uid,
                each.revision,
                each.message,
                each.attempts,
                each.time,
            )
            for space in self._spaces
            for each in self._fhir_errors.read_errors(space, kind, after="", limit=at_most)[0]
        ]
        count = sum(self._fhir_errors.count_errors(space, kind) for space in self._spaces)
        newest = sorted(found, key=lambda each: each.time, reverse=True)
        return FhirErrorsLeft(kind, max(count, len(newest)), tuple(newest))

    def _refused_now(self) -> tuple[Refused, ...]:
        counts = Counter(islice(self._refused.read_refused(self._clock()), _REFUSED_LOOKED_AT))
        return tuple(
            Refused(binding, study.space, study.study_instance_uid, count)
            for (binding, study), count in sorted(counts.items())
        )

    def _unpublished(self) -> tuple[Unpublished, ...]:
        long_ago = self._clock() - LONG_UNPUBLISHED
        found = [
            Unpublished(revision.study.space, revision.study.study_instance_uid, revision.number, revision.created_at)
            for revision in self._marks.unpublished_revisions(_REVISIONS_LOOKED_AT)
            if revision.created_at < long_ago
        ]
        return tuple(sorted(found, key=lambda each: each.created))


def _left(queue: Queue, count: int, letters: Sequence[DeadLetter]) -> LettersLeft:
    return LettersLeft(
        queue=queue.name,
        kind=queue.kind,
        letters=max(count, len(letters)),
        looked_at=len(letters),
        oldest=min((letter.sent_at for letter in letters), default=None),
        reasons=dict(Counter(reason for letter in letters if (reason := _refusal(letter))).most_common()),
    )


def _refusal(letter: DeadLetter) -> str:
    try:
        return refusal_of(json.loads(letter.body))
    except (AttributeError, ValueError):
        return ""
