"""Lives of studies, struck act by act."""

from collections.abc import Callable, Iterable, Sequence
from itertools import count, islice
from typing import Any

from tests.faults.deployment import Deployment
from tests.faults.injected_faults import Call, Fault, Faults, Strike
from tests.faults.life_of_a_study import LifeOfAStudy

Plan = Callable[[str, int], Sequence[Strike]]
Pair = tuple[str, int, int]


class Struck:
    """Studies of one space that live one after the other, each of their acts struck by faults.

    Attributes
    ----------
    times
        How many acts were, by all that was planned for them.
    strikes
        What was struck.
    struck_acts
        The places, from 0, of the last life's acts that were.
    """

    def __init__(self, **deviations: Any) -> None:
        self.faults = Faults()
        self.deployment = Deployment(self.faults, **deviations)
        self.times = 0
        self.strikes: list[Call] = []
        self.struck_acts: list[int] = []

    def at_every_place(self, plan: Plan, places: Iterable[int] | None = None) -> None:
        """Strike every act of a study as planned for place 1, of the next for place 2, until none has such a place.

        A life ends with the act that follows the last one of so many places: what comes later shows nothing new.

        Parameters
        ----------
        places
            Without end; those to strike if not all from 1 on.
        """
        acts = None
        for place in places or count(1):
            self.life(lambda act: plan(act, place), acts)  # noqa: B023
            if not self.struck_acts:
                return
            acts = self.struck_acts[-1] + 2

    def life(self, plan: Callable[[str], Sequence[Strike]], acts: int | None = None) -> dict[str, list[Call]]:
        """Strike each act of a study as planned for its name; the calls of each since its last strike."""
        life, calls = LifeOfAStudy(self.deployment), {}
        self.struck_acts = []
        for place, act in enumerate(islice(life.acts(), acts)):
            strikes = plan(act.__name__)
            self.faults.plan_anew(strikes)
            try:
                act()
                calls[act.__name__] = list(self.faults.since_last_strike)
                if strikes and self.faults.all_struck:
                    self.times += 1
                    self.struck_acts.append(place)
                self.strikes += self.faults.struck
                life.check()
            except AssertionError as broken:
                struck = ", ".join(f"{call.service} {call.operation}" for call in self.faults.struck)
                broken.add_note(f"{act.__name__}: {', '.join(map(str, strikes))} ({struck})")
                raise
        return calls

    def calls(self) -> dict[str, list[Call]]:
        """Which calls each act makes when nothing happens; the first study of a space makes some more."""
        self.life(lambda _: [], acts=1)
        return self.life(lambda _: [])

    def pairs(self) -> list[Pair]:
        """Every write of every act, with every write of what is left after a kill before it."""
        writes = {act: sum(call.is_write for call in calls) for act, calls in self.calls().items()}
        return [
            (act, first, second)
            for act, number in writes.items()
            for first in range(1, number + 1)
            for second in range(1, number - first + 2)
        ]

    def by_pairs(self, pairs: Sequence[Pair]) -> None:
        """Kill before the first write of each pair, and before the second of the recovery from that."""
        of_act: dict[str, list[Pair]] = {}
        for pair in pairs:
            of_act.setdefault(pair[0], []).append(pair)

        def next_of(act: str) -> list[Strike]:
            if not of_act.get(act):
                return []
            _, first, second = of_act[act].pop()
            return [Strike(Fault.KILLED_BEFORE, first), Strike(Fault.KILLED_BEFORE, second)]

        in_order = [act.__name__ for act in LifeOfAStudy(self.deployment).acts()]
        while left := [place for place, act in enumerate(in_order) if of_act.get(act)]:
            self.life(next_of, left[-1] + 2)


def any_call(_: Call) -> bool:
    """Reads too."""
    return True


def in_parts(call: Call) -> bool:
    """Those that can be answered 200 and be refused in part."""
    return call.takes_parts
