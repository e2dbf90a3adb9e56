"""Every call to S3, DynamoDB, EventBridge and Step Functions fails in turn, in the ways that calls of AWS fail."""

from itertools import count

import pytest

from tests.faults.injected_faults import Fault, Strike
from tests.faults.struck import Struck, any_call, in_parts

SHARES = 2


@pytest.mark.parametrize("share", range(SHARES))
def test_any_call_may_fail_or_be_throttled_or_its_answer_be_lost(embedded_aws: object, share: int) -> None:
    struck = Struck()
    calls = struck.calls()
    ways = {True: [Fault.LOST_ANSWER], False: [Fault.FAILS, Fault.THROTTLED]}

    def way(act: str, place: int) -> Fault:
        is_write = place <= len(calls[act]) and calls[act][place - 1].is_write
        return ways[is_write][place % len(ways[is_write])]

    struck.at_every_place(lambda act, place: [Strike(way(act, place), place, any_call)], count(1 + share, SHARES))
    # Threads take turns as they like.
    assert struck.times >= sum(len(of_act[share::SHARES]) for of_act in calls.values()) - 2


@pytest.mark.parametrize("fault", [Fault.FAILS, Fault.THROTTLED])
def test_writes_may_fail_before_they_are_carried_out(embedded_aws: object, fault: Fault) -> None:
    struck = Struck()
    struck.life(lambda _: [Strike(fault, 1) for _ in range(12)])
    assert struck.times


def test_what_is_taken_in_part_is_sent_again(embedded_aws: object) -> None:
    struck = Struck()
    struck.at_every_place(lambda _, place: [Strike(Fault.TAKEN_IN_PART, place, in_parts)])
    assert struck.times >= 8


def test_any_write_may_reach_aws_twice(embedded_aws: object) -> None:
    struck = Struck()
    struck.life(lambda _: [Strike(Fault.SENT_TWICE, 1) for _ in range(100)])
    assert len(struck.strikes) > 50
