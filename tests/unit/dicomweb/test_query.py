import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicomweb.query import MAX_OFFSET, SearchParameters, parse_query
from imaging.errors import Rejected, RejectReason
from imaging.reading.matching import OneOf
from imaging.reading.query_keys import MATCH_KEYS, Level

MAX_RESULTS = 100


def parse(*parameters: tuple[str, str], level: Level = Level.STUDY) -> SearchParameters:
    return parse_query(parameters, level, max_results=MAX_RESULTS)


def refusal_of(*parameters: tuple[str, str], level: Level = Level.STUDY) -> str:
    with pytest.raises(Rejected) as refusal:
        parse(*parameters, level=level)
    assert refusal.value.reason is RejectReason.MALFORMED_REQUEST
    return str(refusal.value)


@pytest.mark.parametrize("name", ["PatientID", "00100020"])
def test_knows_an_attribute_by_keyword_and_by_tag(name: str) -> None:
    asked = parse((name, "P1"))
    assert asked.criteria == {"00100020": OneOf(frozenset({"P1"}))}
    assert asked.included == {"00100020"}


def test_knows_a_tag_in_small_letters() -> None:
    assert parse(("0020000d", "1.2")).criteria == {"0020000D": OneOf(frozenset({"1.2"}))}


def test_an_attribute_without_a_value_is_returned_and_not_matched() -> None:
    asked = parse(("AccessionNumber", ""))
    assert asked.criteria == {}
    assert asked.included == {"00080050"}


def test_takes_what_a_viewer_asks_for() -> None:
    asked = parse(
        ("limit", "101"),
        ("offset", "0"),
        ("fuzzymatching", "false"),
        ("includefield", "00081030,00080060,00080090,00100030"),
        ("PatientName", "*Smith*"),
    )
    assert (asked.limit, asked.offset, asked.warnings) == (MAX_RESULTS, 0, ())
    assert {"00081030", "00080060", "00080090", "00100030", "00100010"} == asked.included


def test_without_a_limit_gives_as_many_as_there_may_be() -> None:
    assert parse().limit == MAX_RESULTS


def test_takes_fields_by_keyword_repeated_and_all_of_them() -> None:
    asked = parse(("includefield", "StudyDescription"), ("includefield", "PatientAge,00091002"))
    assert asked.included == {"00081030", "00101010", "00091002"}
    assert not asked.includes_all
    assert parse(("includefield", "all")).includes_all


def test_a_field_inside_a_sequence_brings_the_sequence() -> None:
    field = "RequestAttributesSequence.ScheduledProcedureStepID"
    assert parse(("includefield", field), level=Level.SERIES).included == {"00400275"}


@pytest.mark.parametrize("name", ["fuzzymatching", "emptyvaluematching", "multiplevaluematching"])
def test_says_which_kind_of_matching_was_not_performed(name: str) -> None:
    (warning,) = parse((name, "true")).warnings
    assert warning.startswith(f"The {name} parameter is not supported.")
    assert parse((name, "false")).warnings == ()


def test_lists_what_can_be_matched_when_an_attribute_cannot() -> None:
    sentence = refusal_of(("SeriesNumber", "1"))
    assert "ModalitiesInStudy" in sentence
    assert "SeriesInstanceUID" not in sentence
    assert parse(("Modality", "CT"), level=Level.SERIES).criteria == {"00080060": OneOf(frozenset({"CT"}))}


def test_takes_modality_of_a_study_for_modalities_in_study() -> None:
    assert parse(("Modality", "CT")).criteria == parse(("ModalitiesInStudy", "CT")).criteria


@pytest.mark.parametrize(
    "parameters",
    [
        [("PatientAddress", "Elm Street")],
        [("Doe^John", "1")],
        [("RequestAttributesSequence.ScheduledProcedureStepID", "Elm")],
        [("includefield", "Elm Street")],
        [("limit", "Elm")],
        [("limit", "-1")],
        [("limit", "1"), ("limit", "2")],
        [("offset", "1.5")],
        [("offset", str(MAX_OFFSET + 1))],
        [("fuzzymatching", "Elm")],
        [("PatientID", "1"), ("00100020", "2")],
    ],
)
def test_refuses_what_it_cannot_read_without_repeating_it(parameters: list[tuple[str, str]]) -> None:
    sentence = refusal_of(*parameters)
    assert "Elm" not in sentence
    assert "Doe" not in sentence
    assert sentence.endswith(".")


NAMES = st.one_of(
    st.sampled_from([name for key in MATCH_KEYS for name in (key.keyword, key.tag)]),
    st.sampled_from(["limit", "offset", "includefield", "fuzzymatching", "accept", "LIMIT"]),
    st.text(max_size=12),
)


@given(st.lists(st.tuples(NAMES, st.text(max_size=40)), max_size=6), st.sampled_from(Level))
def test_any_query_is_read_or_refused(parameters: list[tuple[str, str]], level: Level) -> None:
    reason = None
    try:
        asked = parse(*parameters, level=level)
        assert 0 <= asked.limit <= MAX_RESULTS
        assert 0 <= asked.offset <= MAX_OFFSET
    except Rejected as refusal:
        reason = refusal.reason
    assert reason in (None, RejectReason.MALFORMED_REQUEST)
