"""The rounds of a run: in each, everybody is measured once, taking turns at being first."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.client import HTTPException

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.progress import Progress, Step
from tests.bench.contestants import WHERE_WE_STORE, Contestant, Entry, Server
from tests.bench.counted_calls import CountedCalls, counting
from tests.bench.measurement import BenchFailed, Measured, NotThere, measure
from tests.bench.synthetic_studies import Kind, Study, StudyMaker
from tests.bench.system_under_test import SystemUnderTest

Studies = list[list[Study]]
"""Of each client."""

Watched = Callable[[Entry, int], AbstractContextManager[object]]
"""Makes what is active while that is measured with so many clients, such as a profiler."""


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes
    ----------
    to_the_end
        Whether to wait after each store until its studies have their revisions
        and are published, or only until they are indexed.
    """

    rounds: int
    clients: Sequence[int]
    to_the_end: bool
    name: str = "round"


@dataclass
class Results:
    """What was measured with so many clients, and why something was not."""

    measured: defaultdict[tuple[Entry, int], list[Measured]] = field(default_factory=lambda: defaultdict(list))
    missing: dict[tuple[Entry, int], str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    calls: defaultdict[Entry, CountedCalls] = field(default_factory=lambda: defaultdict(CountedCalls))


class Rounds:
    """Measures all contestants, kind by kind, with few clients and with more."""

    def __init__(
        self,
        system: SystemUnderTest,
        contestants: Sequence[Contestant],
        maker: StudyMaker,
        plan: Plan,
        watched: Watched,
    ) -> None:
        self._system = system
        self._contestants = contestants
        self._maker = maker
        self._plan = plan
        self._watched = watched
        self._results = Results()

    def __call__(self, progress: Progress) -> Results:
        """Do all rounds."""
        for number in range(self._plan.rounds):
            for kind in self._kinds():
                for clients in self._plan.clients:
                    what = f"{self._plan.name} {number + 1} of {self._plan.rounds}, {kind.value}, clients: {clients}"
                    with progress.step(what) as step:
                        self._round(number, kind, clients, step)
                        step.text = what
        return self._results

    def _kinds(self) -> list[Kind]:
        return [kind for kind in Kind if any(each.entry.kind is kind for each in self._contestants)]

    def _round(self, number: int, kind: Kind, clients: int, step: Step) -> None:
        what = step.text
        stored: dict[Server, Studies] = {}
        for contestant in self._in_turn(number, kind, stores=True):
            step.text = f"{what}: {contestant.entry.title}"
            studies = [self._maker.for_one_client(kind) for _ in range(clients)]
            if self._store(contestant, studies) and contestant.leaves_files:
                stored[contestant.entry.server] = studies
        if Server.FLOOR in stored:
            stored.setdefault(Server.OURS, stored[Server.FLOOR])
            stored[Server.FLOOR] = stored[Server.OURS]  # both read the same objects
        for contestant in self._in_turn(number, kind, stores=False):
            step.text = f"{what}: {contestant.entry.title}"
            if contestant.entry.server in stored:
                self._measure(contestant, stored[contestant.entry.server])

    def _in_turn(self, number: int, kind: Kind, *, stores: bool) -> list[Contestant]:
        found = [each for each in self._contestants if each.entry.kind is kind and each.stores is stores]
        first = number % len(found) if found else 0
        return found[first:] + found[:first]

    def _store(self, contestant: Contestant, studies: Studies) -> bool:
        every = [study for of_client in studies for study in of_client]
        if contestant.entry.server not in WHERE_WE_STORE:
            return self._measure(contestant, studies)
        with counting(self._system.recorded_calls) as recorded:
            is_stored = self._measure(contestant, studies)
            if is_stored:
                rest = self._system.rest
                (rest.over if self._plan.to_the_end else rest.indexed)(every)
        if is_stored:
            self._results.calls[contestant.entry].add(recorded, sum(len(study.keys) for study in every))
        return is_stored

    def _measure(self, contestant: Contestant, studies: Studies) -> bool:
        """Measure, or note why not; whether it was done."""
        entry, clients = contestant.entry, len(studies)
        try:
            with contestant.ready(studies) as operations, self._watched(entry, clients):
                self._results.measured[entry, clients].append(measure(operations))
        except NotThere:
            self._results.missing[entry, clients] = "not there"
            return False
        except (BenchFailed, OSError, HTTPException, BotoCoreError, ClientError) as failure:
            self._results.missing[entry, clients] = "failed"
            self._results.failures.append(f"{entry.title}, clients: {clients}: {type(failure).__name__}: {failure}")
            return False
        return True
