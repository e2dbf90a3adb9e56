"""A bound over several processes."""

import os

from imaging.dimse.association_limit import AssociationLimit


def in_a_process(act) -> None:
    """Do something in a process of its own, which dies without a word."""
    child = os.fork()
    if not child:
        act()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_no_more_than_the_maximum():
    limit = AssociationLimit(2)
    assert [limit.enter() for _ in range(3)] == [True, True, False]
    limit.leave()
    assert limit.enter()
    assert limit.in_flight == 2


def test_what_a_dead_process_held_is_given_back():
    limit = AssociationLimit(3, workers=2)
    assert limit.enter()

    def take_two() -> None:
        limit.count_as(1)
        assert [limit.enter() for _ in range(3)] == [True, True, False]

    in_a_process(take_two)
    assert limit.in_flight == 3
    assert not limit.enter()
    limit.clear(1)
    assert limit.in_flight == 1
    assert limit.enter()


def test_a_process_that_dies_in_the_middle_of_counting_holds_up_nobody():
    limit = AssociationLimit(1, workers=2)

    def die() -> None:
        limit.count_as(1)
        limit._turn().__enter__()

    in_a_process(die)
    assert limit.enter()
