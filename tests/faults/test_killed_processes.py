"""Processes are killed: before every write, with all done and nothing acknowledged, and again while they recover."""

import pytest

from tests.faults.injected_faults import Fault, Strike
from tests.faults.struck import Struck

PAIRS_OF_AN_ACT = 6
"""As many as `make test` has time for; tests/long has all."""

_STRIDE = 29  # has no factor in common with how many there are, so that every write gets its share


@pytest.mark.parametrize("fault", [Fault.KILLED_BEFORE, Fault.KILLED_AT_END], ids=lambda fault: fault.name)
def test_a_process_killed_anywhere_loses_nothing_and_tells_nothing_wrong(embedded_aws: object, fault: Fault) -> None:
    struck = Struck()
    struck.at_every_place(lambda _, place: [Strike(fault, place)])
    assert struck.times > 30


@pytest.mark.parametrize("place", range(4, 13))
def test_a_feed_may_begin_as_often_as_it_takes(embedded_aws: object, place: int) -> None:
    struck = Struck()
    struck.life(lambda _: [Strike(Fault.KILLED_BEFORE, place)], acts=1)
    assert struck.times == 1


def test_a_process_killed_again_while_it_recovers_does_so_neither(embedded_aws: object) -> None:
    struck = Struck()
    pairs = struck.pairs()
    assert len(pairs) > 600
    by_act = [[pair for pair in pairs if pair[0] == act] for act in dict.fromkeys(act for act, _, _ in pairs)]
    chosen = [of_act[place * _STRIDE % len(of_act)] for of_act in by_act for place in range(PAIRS_OF_AN_ACT)]
    struck.by_pairs(chosen)
    assert struck.times >= len(set(chosen)) * 3 / 4  # some have recovered before their second
