import time

from imaging.reading.wildcard import Wildcard


def matches(pattern: str, value: str) -> bool:
    return Wildcard(pattern).matches([value])


def test_a_star_stands_for_any_characters_and_a_question_mark_for_one() -> None:
    assert matches("CHEST*", "CHEST")
    assert matches("CHEST*", "CHEST PA")
    assert matches("*PA", "CHEST PA")
    assert matches("C?EST", "CHEST")
    assert not matches("C?EST", "CEST")
    assert not matches("CHEST", "CHEST PA")


def test_letters_match_in_their_case_alone() -> None:
    assert not matches("chest*", "CHEST")


def test_everything_else_stands_for_itself() -> None:
    assert matches("P[1]?", "P[1]x")
    assert not matches("P[1]?", "P1x")
    assert matches("a.b*", "a.bc")
    assert not matches("a.b*", "axbc")


def test_what_is_no_text_does_not_match() -> None:
    assert not Wildcard("?*").matches([7, None, {"Alphabetic": "x"}])


def test_a_hostile_pattern_takes_no_time() -> None:
    started = time.thread_time()
    assert not matches("*a" * 120 + "b", "a" * 250)
    assert time.thread_time() - started < 5
