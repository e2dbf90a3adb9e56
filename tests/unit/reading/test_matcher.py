from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.reading.matcher import AllOf, EqualNumber, ItemMatcher, Matcher, NoValue, OneOf, reader_of, values_of
from imaging.reading.wildcard import Wildcard

ATTRIBUTES = {
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}]},
    "00200013": {"vr": "IS", "Value": [3, None]},
    "00080050": {"vr": "SH"},
}


def one(value: str) -> OneOf:
    return OneOf(frozenset({value}))


def test_reads_all_values_of_an_attribute() -> None:
    assert values_of(ATTRIBUTES, "00100010") == ["Yamada^Tarou", "山田^太郎"]
    assert values_of(ATTRIBUTES, "00200013") == ["3"]
    assert values_of(ATTRIBUTES, "00080050") == []
    assert values_of(ATTRIBUTES, "00100020") == []
    assert reader_of(ATTRIBUTES)("00200013") == [3, None]


@pytest.mark.parametrize("stored", [7, 7.0, "7", " 7", "7.00", "+7"])
def test_numbers_match_by_value(stored: object) -> None:
    assert EqualNumber(Decimal("7")).matches([stored])


@pytest.mark.parametrize("stored", [8, "x", None, "", "NaN", float("inf"), {}, True])
def test_other_numbers_and_what_is_none_do_not_match(stored: object) -> None:
    assert not EqualNumber(Decimal("7")).matches([stored])


def test_a_number_of_single_precision_is_rounded_as_it_was() -> None:
    stored = 0.10000000149011612
    assert EqualNumber(Decimal("0.1"), is_single_precision=True).matches([stored])
    assert not EqualNumber(Decimal("0.1")).matches([stored])
    assert not EqualNumber(Decimal("1e99"), is_single_precision=True).matches([1.0])


def test_all_values_must_be_there() -> None:
    both = AllOf((one("CT"), one("PT")))
    assert both.matches(["PT", "SR", "CT"])
    assert not both.matches(["CT"])


def test_no_value_matches_what_is_empty() -> None:
    assert all(NoValue().matches(values) for values in ([], [None], [""], [{}]))
    assert not any(NoValue().matches(values) for values in (["x"], [0], [None, "x"]))


def test_one_item_meets_all_criteria_by_itself() -> None:
    def item(step: str, procedure: str) -> dict[str, object]:
        return {"00400009": {"vr": "SH", "Value": [step]}, "00401001": {"vr": "SH", "Value": [procedure]}}

    matcher = ItemMatcher((("00400009", one("S1")), ("00401001", one("P1"))))
    assert matcher.matches([item("S2", "P2"), item("S1", "P1")])
    assert not matcher.matches([item("S1", "P2"), item("S2", "P1")])
    assert not matcher.matches([])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
MATCHERS: list[Matcher] = [
    one("7"),
    EqualNumber(Decimal(7)),
    EqualNumber(Decimal(7), is_single_precision=True),
    NoValue(),
    Wildcard("?*"),
    ItemMatcher((("00400009", one("7")),)),
    AllOf((one("7"), NoValue())),
]


@given(st.sampled_from(MATCHERS), st.lists(JSON, max_size=3))
def test_whatever_a_row_holds_is_compared_without_a_failure(matcher: Matcher, values: list[object]) -> None:
    assert matcher.matches(values) in (True, False)
    assert matcher.matches(reader_of({"00080050": values})("00080050")) in (True, False)
