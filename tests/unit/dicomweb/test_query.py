from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicomweb.query import MAX_OFFSET, SearchParameters, parse_query
from imaging.errors import Rejected, RejectReason
from imaging.ports.catalogue import QueryTags
from imaging.reading.combined_date_time import CombinedDateTime
from imaging.reading.matcher import AllOf, EqualNumber, ItemMatcher, Matcher, NoValue, OneOf
from imaging.reading.matching import DateRange, FuzzyNameMatcher
from imaging.reading.query_keys import MATCH_KEYS, Level
from imaging.settings import QueryTag

MAX_RESULTS = 100


def one(value: str) -> OneOf:
    return OneOf(frozenset({value}))


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


def test_says_which_fields_are_not_indexed() -> None:
    (warning,) = parse(("includefield", "StudyDescription,PixelSpacing")).warnings
    assert warning.startswith("The includefield parameter names attributes that are not indexed")
    fields = "StudyDescription,Modality,RetrieveURL,00201206,00080005,RequestAttributesSequence.StudyInstanceUID"
    assert parse(("includefield", fields)).warnings == ()


@pytest.mark.parametrize(
    ("name", "parameter", "expected"),
    [
        ("fuzzymatching", ("PatientName", "Doe"), FuzzyNameMatcher("Doe")),
        ("emptyvaluematching", ("PatientID", '""'), NoValue()),
        ("multiplevaluematching", ("ModalitiesInStudy", "CT,MR"), AllOf((one("CT"), one("MR")))),
    ],
)
def test_performs_the_kinds_of_matching_that_are_asked_for(
    name: str, parameter: tuple[str, str], expected: Matcher
) -> None:
    asked = parse(parameter, (name, "true"))
    assert list(asked.criteria.values()) == [expected]
    assert asked.warnings == ()
    assert list(parse(parameter, (name, "false")).criteria.values()) != [expected]


def test_lists_what_can_be_matched_when_an_attribute_cannot() -> None:
    sentence = refusal_of(("PixelSpacing", "1"))
    assert "ModalitiesInStudy" in sentence
    assert "SeriesInstanceUID" not in sentence


def test_says_at_which_level_an_attribute_can_be_matched() -> None:
    assert "series level" in refusal_of(("SeriesNumber", "1"))
    assert "instance level" in refusal_of(("00080018", "1.2"), level=Level.SERIES)
    assert parse(("Modality", "CT"), level=Level.SERIES).criteria == {"00080060": one("CT")}
    assert parse(("PatientID", "P1"), level=Level.INSTANCE).criteria == {"00100020": one("P1")}


@pytest.mark.parametrize(
    "name",
    [
        "RequestAttributesSequence.ScheduledProcedureStepID",
        "00400275.00400009",
        "RequestAttributesSequence.00400009",
    ],
)
def test_matches_inside_sequences_by_a_path(name: str) -> None:
    asked = parse((name, "S1"), level=Level.SERIES)
    assert asked.criteria == {"00400275": ItemMatcher((("00400009", one("S1")),))}
    assert asked.included == {"00400275"}


def test_follows_a_path_to_any_depth() -> None:
    asked = parse(("ProcedureCodeSequence.EquivalentCodeSequence.CodeValue", "C1"))
    assert asked.criteria == {
        "00081032": ItemMatcher((("00080121", ItemMatcher((("00080100", one("C1")),))),)),
    }


@pytest.mark.parametrize(
    "name",
    [
        "PatientID.StudyID",
        "ProcedureCodeSequence.Elm",
        "ProcedureCodeSequence.00091001",
        "ProcedureCodeSequence.",
        ".ProcedureCodeSequence",
        "ProcedureCodeSequence.CodeValue.CodeValue",
        ".".join(["ProcedureCodeSequence", *["EquivalentCodeSequence"] * 20]),
    ],
)
def test_refuses_a_path_that_leads_nowhere(name: str) -> None:
    assert "Elm" not in refusal_of((name, "1"))


def test_reads_dates_and_times_in_the_zone_of_the_query() -> None:
    asked = parse(("StudyDate", "20260105"), ("TimezoneOffsetFromUTC", "+0100"))
    assert asked.criteria["00080020"] == DateRange("20260103", "20260107")
    combined = asked.criteria["00080020+00080030"]
    assert isinstance(combined, CombinedDateTime)
    assert combined.zone == 60
    assert "00080201" in asked.included
    assert parse(("00080201", "")).criteria == {}


def test_a_plus_sign_that_became_a_space_is_told() -> None:
    assert "%2B" in refusal_of(("TimezoneOffsetFromUTC", " 0100"))


def test_hands_on_the_place_where_the_page_before_ended() -> None:
    assert parse(("after", "abc")).after == "abc"
    assert parse().after == ""


def test_a_page_may_be_empty() -> None:
    assert parse(("limit", "0")).limit == 0  # PS3.18 8.3.4.4.1: then it is 204


CURRENT = QueryTag("00181151", "XRayTubeCurrent", "IS", "instance")
PRIVATE = QueryTag("00291002", "", "LO", "study", "ACME")
PENDING = QueryTag("00189087", "DiffusionBValue", "FD", "instance")
TAGS = QueryTags(ready=(CURRENT, PRIVATE), pending={PENDING: 40})


def parse_with_tags(*parameters: tuple[str, str], level: Level = Level.INSTANCE) -> SearchParameters:
    return parse_query(parameters, level, max_results=MAX_RESULTS, query_tags=TAGS)


def test_matches_by_extended_query_tags() -> None:
    asked = parse_with_tags(("XRayTubeCurrent", "200"), ("includefield", "00181151"))
    assert asked.criteria == {"00181151": EqualNumber(Decimal(200))}
    assert asked.tag_levels == {"00181151": Level.INSTANCE, "00291002": Level.STUDY}
    assert asked.warnings == ()


@pytest.mark.parametrize(
    "parameters",
    [
        [("00291002", "x")],
        [("00290010", "ACME"), ("00291002", "x")],
        [("00290011", "ACME"), ("00291102", "x")],
    ],
)
def test_matches_a_private_attribute_by_its_creator_wherever_its_block_lies(parameters: list[tuple[str, str]]) -> None:
    asked = parse_with_tags(*parameters, ("includefield", parameters[-1][0]))
    assert asked.criteria == {"00291002": one("x")}
    assert asked.included == {"00291002"}
    assert asked.private_creators == {"00291002": "ACME"}
    assert asked.warnings == ()


@pytest.mark.parametrize(
    "parameters", [[("00291102", "x")], [("00290010", "OTHER"), ("00291002", "x")], [("00291003", "x")]]
)
def test_does_not_mistake_one_private_attribute_for_another(parameters: list[tuple[str, str]]) -> None:
    with pytest.raises(Rejected, match="cannot match"):
        parse_with_tags(*parameters)


def test_says_how_far_the_indexing_of_an_attribute_is() -> None:
    with pytest.raises(Rejected, match=r"DiffusionBValue is being indexed \(40 %\)"):
        parse_with_tags(("DiffusionBValue", "1000"))


def test_an_extended_query_tag_has_its_level_too() -> None:
    with pytest.raises(Rejected, match="instance level"):
        parse_with_tags(("XRayTubeCurrent", "200"), level=Level.STUDY)


def test_takes_modality_of_a_study_for_modalities_in_study() -> None:
    assert parse(("Modality", "CT")).criteria == parse(("ModalitiesInStudy", "CT")).criteria


@pytest.mark.parametrize(
    "parameters",
    [
        [("PatientAddress", "Elm Street")],
        [("Doe^John", "1")],
        [("RequestAttributesSequence.ScheduledProcedureStepID", "S")],
        [("TimezoneOffsetFromUTC", "Elm")],
        [("StudyTime", "2200-0600")],
        [("after", "Elm"), ("after", "Street")],
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


ATTRIBUTE = st.sampled_from([name for key in MATCH_KEYS for name in (key.keyword, key.tag, key.tag.lower())])
NAMES = st.one_of(
    ATTRIBUTE,
    st.lists(st.one_of(ATTRIBUTE, st.text(max_size=9)), max_size=4).map(".".join),
    st.sampled_from(["limit", "offset", "after", "includefield", "fuzzymatching", "accept", "LIMIT"]),
    st.sampled_from(["emptyvaluematching", "multiplevaluematching", "TimezoneOffsetFromUTC", "00290010", "00291102"]),
    st.text(max_size=12),
)
VALUES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["true", "all", "+0100", "ACME", '""', "20260101-20260202", "1000-1800", "Doe^*=", "CT\\MR"]),
    st.text(alphabet="0123456789-+.*?\\,=^", max_size=40),
    st.lists(NAMES, max_size=3).map(",".join),
)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6), st.sampled_from(Level))
def test_any_query_is_read_or_refused(parameters: list[tuple[str, str]], level: Level) -> None:
    reason = None
    try:
        asked = parse_with_tags(*parameters, level=level)
        assert 0 <= asked.limit <= MAX_RESULTS
        assert 0 <= asked.offset <= MAX_OFFSET
    except Rejected as refusal:
        reason = refusal.reason
    assert reason in (None, RejectReason.MALFORMED_REQUEST)
