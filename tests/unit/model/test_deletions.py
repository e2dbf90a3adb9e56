from datetime import timedelta

import pytest

from imaging.model.deletions import WHOLE_STUDY, Deletions, scope_of
from tests.fakes import START

LATER = START + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("uids", "scope"), [((None, None), WHOLE_STUDY), (("1.1", None), "1.1"), (("1.1", "1.1.1"), "1.1/1.1.1")]
)
def test_names_what_a_deletion_speaks_of(uids, scope):
    assert scope_of(*uids) == scope


@pytest.mark.parametrize("scope", [WHOLE_STUDY, "1.1", "1.1/1.1.1"])
def test_hides_what_had_been_stored_by_then_and_nothing_later(scope):
    deletions = Deletions({scope: START})
    assert deletions.hides_what_was("1.1", "1.1.1", START)
    assert not deletions.hides_what_was("1.1", "1.1.1", LATER)


@pytest.mark.parametrize("scope", ["1.1", "1.1/1.1.1", "1.10", "1.1/1.1.10"])
def test_hides_nothing_beside_its_scope(scope):
    deletions = Deletions({scope: START})
    assert not deletions.hides_what_was("1.2", "1.2.1", START)
    assert not deletions.hides_what_was("1.2", "1.1.1", START)


def test_knows_up_to_when_all_is_deleted():
    deletions = Deletions({WHOLE_STUDY: START, "1.1": LATER, "1.2/1.2.1": LATER})
    assert deletions.of_all(None) == START
    assert deletions.of_all("1.1") == LATER
    assert deletions.of_all("1.2") == START
    assert Deletions({"1.1": START}).of_all(None) is None


def test_a_further_mark_takes_the_place_of_those_it_covers():
    deletions = Deletions({"1.1": START, "1.1/1.1.1": START, "1.2/1.2.1": LATER, "1.10": START})
    assert deletions.adding("1.1", LATER).until == {"1.1": LATER, "1.2/1.2.1": LATER, "1.10": START}
    assert deletions.adding(WHOLE_STUDY, START).until == {WHOLE_STUDY: START, "1.2/1.2.1": LATER}


def test_a_mark_that_comes_late_does_not_shorten_one_that_was_there():
    assert Deletions({"1.1": LATER}).adding("1.1", START).until == {"1.1": LATER}
