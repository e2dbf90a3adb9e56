"""What `make test` samples of the faults, whole: every pair of kills, every call failing in every way, many orders."""

import random

import pytest

from tests.faults.injected_faults import Fault, Strike
from tests.faults.struck import Struck, any_call

SHARES = 8


@pytest.mark.parametrize("share", range(SHARES))
def test_two_kills_at_any_two_writes(embedded_aws: object, share: int) -> None:
    struck = Struck()
    pairs = struck.pairs()[share::SHARES]
    struck.by_pairs(pairs)
    assert struck.times >= len(pairs) * 3 / 4  # some have recovered before their second


@pytest.mark.parametrize("fault", [Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.SENT_TWICE])
def test_any_write(embedded_aws: object, fault: Fault) -> None:
    struck = Struck()
    struck.at_every_place(lambda _, place: [Strike(fault, place)])
    assert struck.times > 60


@pytest.mark.parametrize("fault", [Fault.FAILS, Fault.THROTTLED, Fault.LOST_ANSWER])
def test_any_call(embedded_aws: object, fault: Fault) -> None:
    struck = Struck()
    struck.at_every_place(lambda _, place: [Strike(fault, place, any_call)])
    assert struck.times > 120


@pytest.mark.parametrize("seed", range(100, 120))
def test_any_order(embedded_aws: object, seed: int) -> None:
    struck = Struck(mixes=random.Random(seed))
    for _ in range(5):
        struck.life(lambda _: [])


@pytest.mark.parametrize("lost", ["loses_stream", "loses_s3_events"])
def test_any_write_of_those_who_find_what_was_lost(embedded_aws: object, lost: str) -> None:
    struck = Struck(**{lost: True})
    struck.at_every_place(lambda _, place: [Strike(Fault.KILLED_BEFORE, place)])
    assert struck.times > 60
