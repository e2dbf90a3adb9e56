import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicom.comparable_text import comparable
from imaging.reading.person_name import FuzzyNameMatcher, PersonNameMatcher, groups_of

YAMADA = {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}


def matches(asked: str, *names: object) -> bool:
    return PersonNameMatcher(asked).matches(names)


def is_like(asked: str, *names: object) -> bool:
    return FuzzyNameMatcher(asked).matches(names)


@pytest.mark.parametrize("asked", ["Müller^Jörg", "MULLER^JORG", "muller^jorg^^^", "Mu\u0308ller^Jörg", "M?ller^*"])
def test_names_match_without_regard_to_case_accents_and_trailing_carets(asked: str) -> None:
    assert matches(asked, {"Alphabetic": "Müller^Jörg^^Dr."} if "*" in asked else {"Alphabetic": "Müller^Jörg"})


def test_without_a_wild_card_the_whole_group_matches() -> None:
    assert not matches("Yamada", YAMADA)
    assert not matches("Yamada^T", YAMADA)
    assert matches("Yamada*", YAMADA)
    assert matches("*tarou", YAMADA)


@pytest.mark.parametrize("asked", ["yamada^tarou", "山田^太郎", "やまだ^たろう", "山田*", "?まだ^*"])
def test_any_component_group_may_match(asked: str) -> None:
    assert matches(asked, YAMADA)


def test_groups_of_the_query_match_one_by_one() -> None:
    assert matches("Yamada*=山田*", YAMADA)
    assert matches("=山田*", YAMADA)
    assert matches("==やまだ*", YAMADA)
    assert matches("*=*=*", YAMADA)
    assert not matches("山田*=", YAMADA)
    assert not matches("Yamada*=鈴木*", YAMADA)
    assert not matches("Yamada*=山田*", {"Alphabetic": "Yamada^Tarou"})


def test_any_of_several_names_may_match() -> None:
    assert matches("b*", {"Alphabetic": "Abel"}, {"Alphabetic": "Baker"})


def test_a_name_that_is_absent_or_empty_does_not_match() -> None:
    assert not matches("?*")
    assert not matches("*^", None, {}, {"Alphabetic": None}, 7)


def test_wild_cards_of_other_scripts_are_letters() -> None:
    assert not matches("\uff0a", {"Alphabetic": "Doe"})
    assert matches("\uff0a", {"Alphabetic": "*"})
    assert not matches("\ue000", {"Alphabetic": "Doe"})


@pytest.mark.parametrize("asked", ["^", "^^=^", "=", "\u0301"])
def test_a_name_without_a_letter_says_nothing(asked: str) -> None:
    assert PersonNameMatcher(asked).is_empty
    assert not PersonNameMatcher(asked + "*").is_empty


@pytest.mark.parametrize(
    ("asked", "prefix", "is_exact"),
    [
        ("Müller^J*", "muller^j", False),
        ("M?ller", "m", False),
        ("Müller^Jörg^^", "muller^jorg", True),
        ("*mith", "", False),
        ("=山田*", "山田", False),
        ("Ya*=山田^太郎", "山田^太郎", True),
        ("*=*", "", False),
    ],
)
def test_tells_an_index_what_the_names_begin_with(asked: str, prefix: str, is_exact: bool) -> None:
    matcher = PersonNameMatcher(asked)
    assert (matcher.prefix, matcher.is_exact) == (prefix, is_exact)
    assert matcher.prefixes == ((prefix,) if prefix else ())


LETTERS = st.text(alphabet="aAéÉßｱガかが山^ *?=\u0301\u3099", max_size=12)


@given(LETTERS, LETTERS)
def test_what_matches_begins_with_the_prefix(asked: str, name: str) -> None:
    matcher = PersonNameMatcher(asked)
    if matcher.matches([{"Alphabetic": name}]) and matcher.prefix and "=" not in asked:
        assert comparable(name.strip()).startswith(matcher.prefix)
        assert not matcher.is_exact or comparable(name.strip()) == matcher.prefix


@given(LETTERS)
def test_a_name_matches_itself(name: str) -> None:
    literal = name.replace("=", "")
    if not PersonNameMatcher(literal).is_empty and comparable(literal.strip()):
        assert matches(literal, {"Ideographic": literal})


@pytest.mark.parametrize(
    "asked",
    ["doe", "john doe", "Doe, John", "jo do", "jóhn", "jhon", "Doe^Johm", "*doe*", "doe^jo*", "johnn", "ohn*Doe"],
)
def test_fuzzy_words_come_in_any_order_begin_alike_or_have_a_typo(asked: str) -> None:
    name = {"Alphabetic": "Doe^John^Peter"}
    assert is_like(asked, name) is (asked not in ("ohn*Doe",))


@pytest.mark.parametrize("asked", ["ohn", "doe mary", "dxe", "jxxn", "peterjohn", "^"])
def test_fuzzy_does_not_match_everything(asked: str) -> None:
    assert not is_like(asked, {"Alphabetic": "Doe^John^Peter"})


def test_fuzzy_words_all_belong_to_one_component_group() -> None:
    assert is_like("太郎 山田", YAMADA)
    assert not is_like("太郎 yamada", YAMADA)


@pytest.mark.parametrize("typo", ["smiths", "smit", "smyth", "msith", "smtih"])
def test_one_typo_is_a_letter_more_or_less_or_other_or_two_changed(typo: str) -> None:
    assert is_like(typo, {"Alphabetic": "SMITH"})
    assert not is_like(typo + "xy", {"Alphabetic": "SMITH"})


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_compared_without_a_failure(asked: str, name: str) -> None:
    assert matches(asked, {"Alphabetic": name}) in (True, False)
    assert is_like(asked, {"Phonetic": name}, name, None) in (True, False)


def test_reads_the_component_groups_of_dicom_json() -> None:
    assert groups_of(YAMADA) == tuple(YAMADA.values())
    assert groups_of({"Ideographic": " 山田 "}) == ("", "山田", "")
    assert groups_of("Doe^John") == ("Doe^John", "", "")
    assert groups_of(7) == ("", "", "")
