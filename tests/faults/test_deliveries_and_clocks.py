"""Events and stream records that come twice, late, in any order or never, and processes whose clocks differ."""

import random
from datetime import timedelta

import pytest

from tests.faults.deployment import CLOCKS
from tests.faults.injected_faults import Fault, Strike
from tests.faults.struck import Struck

MINUTES = timedelta(minutes=5)


@pytest.mark.parametrize("seed", range(2))
def test_events_and_records_come_twice_late_and_in_any_order(embedded_aws: object, seed: int) -> None:
    struck = Struck(mixes=random.Random(seed))
    for _ in range(2):
        struck.life(lambda _: [])


def test_the_sweeper_tells_what_the_stream_has_lost(embedded_aws: object) -> None:
    struck = Struck(loses_stream=True)
    struck.life(lambda _: [])


def test_reconcile_finds_what_the_events_of_s3_have_not_told(embedded_aws: object) -> None:
    struck = Struck(loses_s3_events=True)
    for at in range(1, 4):
        struck.life(lambda _: [Strike(Fault.KILLED_BEFORE, 3 * at)])  # noqa: B023
    assert struck.times == 12


@pytest.mark.parametrize("place", range(len(CLOCKS)), ids=CLOCKS)
def test_the_clock_of_a_process_is_minutes_ahead_and_that_of_another_behind(embedded_aws: object, place: int) -> None:
    ahead, behind = CLOCKS[place], CLOCKS[place - 1]
    struck = Struck(skew={ahead: MINUTES, behind: -MINUTES}, loses_s3_events="reconcile" in {ahead, behind})
    struck.life(lambda _: [])
