import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.errors import Rejected, RejectReason
from imaging.reading.matching import DateRange, OneOf, matcher_of, values_of
from imaging.reading.query_keys import (
    MATCH_KEYS,
    MODALITIES_IN_STUDY,
    PATIENT_ID,
    STUDY_DATE,
    STUDY_INSTANCE_UID,
    MatchKey,
)

KEYS = {key.keyword: key for key in MATCH_KEYS}
PATIENT_NAME = KEYS["PatientName"]


def matches(key: MatchKey, asked: str, *values: str) -> bool:
    matcher = matcher_of(key, asked)
    return matcher is None or matcher.matches(values)


@pytest.mark.parametrize("asked", ["1.2,1.3", "1.2\\1.3", " 1.2 , 1.3 "])
def test_takes_a_list_of_uids_with_either_separator(asked: str) -> None:
    assert matcher_of(STUDY_INSTANCE_UID, asked) == OneOf(frozenset({"1.2", "1.3"}))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("20260102", DateRange("20260102", "20260102")),
        ("20260102-20260203", DateRange("20260102", "20260203")),
        ("20260102-", DateRange("20260102", "")),
        ("-20260203", DateRange("", "20260203")),
    ],
)
def test_takes_a_date_or_a_range_of_dates(asked: str, expected: DateRange) -> None:
    assert matcher_of(STUDY_DATE, asked) == expected


def test_a_range_includes_both_ends_and_leaves_out_what_has_no_date() -> None:
    assert matches(STUDY_DATE, "20260102-20260203", "20260102")
    assert matches(STUDY_DATE, "20260102-20260203", "20260203")
    assert matches(STUDY_DATE, "20260102-", "99991231")
    assert not matches(STUDY_DATE, "20260102-20260203", "20260204")
    assert not matches(STUDY_DATE, "-20260203", "")
    assert not matches(STUDY_DATE, "-20260203")


@pytest.mark.parametrize("asked", ["", "*", "**", " "])
def test_an_empty_value_matches_everything(asked: str) -> None:
    assert all(matcher_of(key, asked) is None for key in MATCH_KEYS)


@pytest.mark.parametrize(
    ("keyword", "asked"),
    [
        ("StudyInstanceUID", "1.2.*"),
        ("StudyInstanceUID", "1.2,"),
        ("StudyInstanceUID", "../secret"),
        ("StudyDate", "2026"),
        ("StudyDate", "20261301"),
        ("StudyDate", "20260230"),
        ("StudyDate", "20260203-20260102"),
        ("StudyDate", "-"),
        ("StudyDate", "2026010220260203"),
        ("StudyDate", "٢٠٢٦٠١٠٢"),
        ("Modality", "ct"),
        ("Modality", "A" * 17),
        ("SeriesNumber", "one"),
        ("PatientID", "x" * 256),
        ("PatientID", "a\nb"),
    ],
)
def test_refuses_what_the_attribute_cannot_hold_without_repeating_it(keyword: str, asked: str) -> None:
    with pytest.raises(Rejected) as refusal:
        matcher_of(KEYS[keyword], asked)
    assert refusal.value.reason is RejectReason.MALFORMED_REQUEST
    assert keyword in str(refusal.value)
    assert len(asked) < 4 or asked not in str(refusal.value)


def test_names_match_without_regard_to_case_and_trailing_carets() -> None:
    assert matches(PATIENT_NAME, "doe^john", "Doe^John^^^")
    assert matches(PATIENT_NAME, "*ohn*", "Doe^JOHN")
    assert matches(PATIENT_NAME, "D?e^*", "doe^Jane")
    assert not matches(PATIENT_NAME, "Doe", "Doe^John")


def test_identifiers_match_exactly_unless_they_hold_wild_cards() -> None:
    assert matches(PATIENT_ID, "P1", "P1")
    assert not matches(PATIENT_ID, "p1", "P1")
    assert matches(PATIENT_ID, "P*", "P1")
    assert matches(PATIENT_ID, "P[1]?", "P[1]x")
    assert not matches(PATIENT_ID, "P[1]?", "P1x")


def test_codes_match_any_of_a_list() -> None:
    assert matches(MODALITIES_IN_STUDY, "MR,CT", "CT", "SR")
    assert matches(MODALITIES_IN_STUDY, "MR\\CT", "MR")
    assert not matches(MODALITIES_IN_STUDY, "MR", "CT")


def test_numbers_match_by_value() -> None:
    assert matches(KEYS["InstanceNumber"], "007", "7")


def test_nothing_matches_an_attribute_that_is_absent() -> None:
    assert not matches(PATIENT_ID, "P1")
    assert not matches(PATIENT_NAME, "?*")


def test_a_hostile_pattern_takes_no_time() -> None:
    started = time.monotonic()
    assert not matches(PATIENT_NAME, "*a" * 120 + "b", "a" * 250)
    assert time.monotonic() - started < 1


def test_reads_all_values_of_an_attribute() -> None:
    attributes = {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}]},
        "00200013": {"vr": "IS", "Value": [3, None]},
        "00080050": {"vr": "SH"},
    }
    assert values_of(attributes, "00100010") == ["Yamada^Tarou", "山田^太郎"]
    assert values_of(attributes, "00200013") == ["3"]
    assert values_of(attributes, "00080050") == []
    assert values_of(attributes, "00100020") == []


@given(st.sampled_from(MATCH_KEYS), st.text(max_size=300), st.text(max_size=80))
def test_any_text_is_a_matcher_or_a_refusal(key: MatchKey, asked: str, value: str) -> None:
    reason = None
    try:
        matches(key, asked, value)
    except Rejected as refusal:
        reason = refusal.reason
    assert reason in (None, RejectReason.MALFORMED_REQUEST)


@pytest.mark.parametrize("key", [PATIENT_ID, PATIENT_NAME, STUDY_INSTANCE_UID, STUDY_DATE])
def test_a_garbled_value_does_not_match_everything(key: MatchKey) -> None:
    with pytest.raises(Rejected):
        matcher_of(key, "\0")
