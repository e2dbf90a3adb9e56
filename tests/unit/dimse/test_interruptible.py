"""Work beside the thread that answers for it."""

import threading

import pytest

from imaging.dimse.interruptible import interruptible
from imaging.errors import Unavailable


@pytest.fixture
def told():
    """What failed when nobody waited any more."""
    return []


@pytest.fixture
def cleaned_up():
    return threading.Event()


@pytest.fixture
def outcome(told, cleaned_up):
    """Of some work."""

    def outcome(work, goes_on):
        return interruptible(work, goes_on, clean_up=cleaned_up.set, failed_later=told.append)

    return outcome


def test_it_is_waited_for(outcome, told, cleaned_up):
    assert outcome(lambda: None, lambda: True)
    assert (told, cleaned_up.is_set()) == ([], False)


@pytest.mark.parametrize("failure", [Unavailable("gone"), KeyError("a fault")])
def test_its_failure_is_raised_and_told_to_nobody_else(outcome, told, cleaned_up, failure):
    def fail():
        raise failure

    with pytest.raises(type(failure)):
        outcome(fail, lambda: True)
    assert (told, cleaned_up.is_set()) == ([], True)


@pytest.mark.parametrize(("failure", "is_told"), [(Unavailable("gone"), False), (KeyError("a fault"), True)])
@pytest.mark.parametrize("looks", ["no more", "fails"])
def test_a_fault_of_what_nobody_waits_for_is_told(outcome, told, cleaned_up, failure, is_told, looks):
    may_end = threading.Event()

    def work():
        may_end.wait(10)
        raise failure

    def goes_on():
        if looks == "fails":
            raise Unavailable("The requester has gone.")
        return False

    if looks == "fails":
        with pytest.raises(Unavailable, match="requester"):
            outcome(work, goes_on)
    else:
        assert not outcome(work, goes_on)
    assert not cleaned_up.is_set()
    worker = next(thread for thread in threading.enumerate() if thread.name == "interruptible")
    may_end.set()
    worker.join(10)
    assert (told, cleaned_up.is_set()) == ([failure] if is_told else [], True)
