import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.errors import Rejected, RejectReason
from imaging.reading.matcher import EqualNumber, NoValue
from imaging.reading.matching import (
    DateRange,
    ExtendedMatching,
    FuzzyNameMatcher,
    OneOf,
    PersonNameMatcher,
    Wildcard,
    matcher_of,
)
from imaging.reading.query_keys import (
    MATCH_KEYS,
    MODALITIES_IN_STUDY,
    PATIENT_ID,
    PATIENT_NAME,
    STUDY_DATE,
    STUDY_INSTANCE_UID,
    Level,
    MatchKey,
)

KEYS = {key.keyword: key for key in MATCH_KEYS}
SEQUENCES = {key.keyword for key in MATCH_KEYS if key.vr == "SQ"}
ALL_OF_THEM = ExtendedMatching(is_fuzzy=True, empty_values=True, multiple_values=True, zone=60)
OTHER_VRS = ("AT", "DS", "FD", "FL", "SL", "SS", "SV", "UL", "UV", "UC", "UR", "UT", "LT", "AE", "OB", "OW", "UN")
OTHERS = [MatchKey(f"Attribute{vr}", "00291001", vr, Level.INSTANCE, "ACME") for vr in OTHER_VRS]


def matches(key: MatchKey, asked: str, *values: object, extended: ExtendedMatching | None = None) -> bool:
    matcher = matcher_of(key, asked, extended or ExtendedMatching())
    return matcher is None or matcher.matches(values)


def key_of_vr(vr: str) -> MatchKey:
    return next(key for key in (*MATCH_KEYS, *OTHERS) if key.vr == vr)


@pytest.mark.parametrize("asked", ["1.2,1.3", "1.2\\1.3", " 1.2 , 1.3 "])
def test_takes_a_list_of_uids_with_either_separator(asked: str) -> None:
    assert matcher_of(STUDY_INSTANCE_UID, asked) == OneOf(frozenset({"1.2", "1.3"}))


def test_keeps_its_findings_open_to_whoever_chooses_an_index() -> None:
    assert matcher_of(STUDY_DATE, "20260102-") == DateRange("20260102", "")
    assert matcher_of(PATIENT_ID, "P1") == OneOf(frozenset({"P1"}))
    assert matcher_of(PATIENT_ID, "P?") == Wildcard("P?")
    assert matcher_of(PATIENT_NAME, "Doe*") == PersonNameMatcher("Doe*")
    assert matcher_of(PATIENT_NAME, "Doe", ALL_OF_THEM) == FuzzyNameMatcher("Doe")


@pytest.mark.parametrize("asked", ["", "*", "**", " "])
def test_an_empty_value_matches_everything(asked: str) -> None:
    assert all(matcher_of(key, asked) is None for key in (*MATCH_KEYS, *OTHERS))


@pytest.mark.parametrize(
    ("keyword", "asked"),
    [
        ("StudyInstanceUID", "1.2.*"),
        ("StudyInstanceUID", "1.2,"),
        ("StudyInstanceUID", "../secret"),
        ("StudyDate", "2026"),
        ("StudyDate", "20260102*"),
        ("StudyDate", "20260203-20260102"),
        ("StudyDate", "٢٠٢٦٠١٠٢"),
        ("StudyTime", "noon"),
        ("AcquisitionDateTime", "yesterday"),
        ("Modality", "ct"),
        ("Modality", "A" * 17),
        ("Modality", "ct*"),
        ("SeriesNumber", "one"),
        ("SeriesNumber", "1*"),
        ("Rows", "5.5"),
        ("PatientAge", "45"),
        ("PatientID", "x" * 256),
        ("PatientID", "a\nb"),
        ("PatientName", "^^"),
        ("PatientName", "\u0301"),
        ("RequestAttributesSequence", "SPS1"),
    ],
)
def test_refuses_what_the_attribute_cannot_hold_without_repeating_it(keyword: str, asked: str) -> None:
    with pytest.raises(Rejected) as refusal:
        matcher_of(KEYS[keyword], asked)
    assert refusal.value.reason is RejectReason.MALFORMED_REQUEST
    assert keyword in str(refusal.value)
    assert str(refusal.value).endswith(".")
    assert len(asked) < 4 or asked not in str(refusal.value)


def test_names_match_by_their_rules() -> None:
    assert matches(PATIENT_NAME, "doe^john", {"Alphabetic": "Doe^John^^^"})
    assert matches(PATIENT_NAME, "D?e^*", {"Alphabetic": "doe^Jane"})
    assert not matches(PATIENT_NAME, "Doe", {"Alphabetic": "Doe^John"})
    assert matches(PATIENT_NAME, "山田\u3000太郎", {"Ideographic": "山田\u3000太郎"})
    assert matches(PATIENT_NAME, "john", {"Alphabetic": "Doe^John"}, extended=ALL_OF_THEM)


def test_identifiers_match_exactly_unless_they_hold_wild_cards() -> None:
    assert matches(PATIENT_ID, "P1", "P1 ")
    assert not matches(PATIENT_ID, "p1", "P1")
    assert matches(PATIENT_ID, "P*", "P1")
    assert matches(PATIENT_ID, "P[1]?", "P[1]x")
    assert not matches(PATIENT_ID, "P[1]?", "P1x")


def test_codes_match_any_of_a_list_or_a_pattern() -> None:
    assert matches(MODALITIES_IN_STUDY, "MR,CT", "CT", "SR")
    assert matches(MODALITIES_IN_STUDY, "MR\\CT", "MR")
    assert not matches(MODALITIES_IN_STUDY, "MR", "CT")
    assert matches(KEYS["BodyPartExamined"], "CH*", "CHEST")
    assert not matches(KEYS["BodyPartExamined"], "CH?", "CHEST")


@pytest.mark.parametrize("vr", ["IS", "US", "SL", "SS", "SV", "UL", "UV", "DS", "FD", "FL"])
def test_numbers_match_by_value(vr: str) -> None:
    assert matches(key_of_vr(vr), "007", 7)
    assert not matches(key_of_vr(vr), "7", 8)


def test_large_and_fractional_numbers_are_compared_as_they_are_stored() -> None:
    assert matches(key_of_vr("UV"), "18446744073709551615", 18446744073709551615)
    assert not matches(key_of_vr("UV"), "18446744073709551615", 18446744073709551614)
    assert matches(key_of_vr("DS"), "1e2", 100.0)
    assert matches(key_of_vr("DS"), "0.123456789012345678", float("0.123456789012345678"))
    assert isinstance(matcher_of(key_of_vr("FL"), "0.1"), EqualNumber)
    assert matches(key_of_vr("FL"), "0.1", 0.10000000149011612)


def test_tags_and_ages_match_as_they_are_written() -> None:
    assert matches(key_of_vr("AT"), "0020000d", "0020000D")
    assert matches(KEYS["PatientAge"], "045Y", "045Y")


@pytest.mark.parametrize("vr", ["OB", "OW", "UN"])
def test_bytes_are_returned_and_not_matched(vr: str) -> None:
    with pytest.raises(Rejected, match="not matched"):
        matcher_of(key_of_vr(vr), "00")


def test_nothing_matches_an_attribute_that_is_absent() -> None:
    assert not matches(PATIENT_ID, "P1")
    assert not matches(PATIENT_NAME, "?*")


def test_two_quotation_marks_match_what_is_empty_if_that_is_asked_for() -> None:
    empty = ExtendedMatching(empty_values=True)
    assert matcher_of(PATIENT_ID, '""', empty) == matcher_of(STUDY_DATE, '""', empty) == NoValue()
    assert matches(PATIENT_ID, '""', '""')
    with pytest.raises(Rejected):
        matcher_of(STUDY_DATE, '""')


def test_several_values_are_all_wanted_if_that_is_asked_for() -> None:
    several = ExtendedMatching(multiple_values=True)
    assert matches(MODALITIES_IN_STUDY, "CT,PT", "PT", "SR", "CT", extended=several)
    assert not matches(MODALITIES_IN_STUDY, "CT\\PT", "CT", extended=several)
    assert matches(KEYS["Modality"], "CT,PT", "CT", extended=several)  # it has one value; PS3.4 C.2.2.2.8
    both = {"Alphabetic": "Abel"}, {"Alphabetic": "Baker"}
    assert matches(KEYS["OperatorsName"], "baker\\abel", *both, extended=several)
    assert matches(STUDY_INSTANCE_UID, "1.2,1.3", "1.3", extended=several)
    with pytest.raises(Rejected):
        matcher_of(MODALITIES_IN_STUDY, "C*\\PT", several)


@pytest.mark.parametrize("key", [PATIENT_ID, PATIENT_NAME, STUDY_INSTANCE_UID, STUDY_DATE])
def test_a_garbled_value_does_not_match_everything(key: MatchKey) -> None:
    for garbled in ("\0", "\ud800"):
        with pytest.raises(Rejected):
            matcher_of(key, garbled)


VALUES = st.one_of(
    st.text(max_size=80),
    st.integers(),
    st.none(),
    st.dictionaries(st.sampled_from(["Alphabetic", "Ideographic", "Phonetic", "x"]), st.text(max_size=20)),
    st.text(alphabet="0123456789-+.", max_size=30),
)


@given(
    st.sampled_from((*MATCH_KEYS, *OTHERS)),
    st.one_of(st.text(max_size=300), st.text(alphabet="0123456789-+.*?\\,", max_size=40)),
    st.lists(VALUES, max_size=3),
    st.sampled_from([ExtendedMatching(), ALL_OF_THEM]),
)
def test_any_text_is_a_matcher_or_a_refusal(
    key: MatchKey, asked: str, values: list[object], extended: ExtendedMatching
) -> None:
    started = time.thread_time()
    reason = None
    try:
        matches(key, asked, *values, extended=extended)
    except Rejected as refusal:
        reason = refusal.reason
    assert reason in (None, RejectReason.MALFORMED_REQUEST)
    assert time.thread_time() - started < 5
