import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.reading.moment import (
    MICROSECONDS_OF_A_DAY,
    MICROSECONDS_OF_A_SECOND,
    date_span,
    date_time_span,
    stored_zone,
    time_span,
    zone_minutes,
)

HOUR = 3600 * MICROSECONDS_OF_A_SECOND


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("20", 20 * HOUR, 21 * HOUR - 1),
        ("2030", 20.5 * HOUR, 20.5 * HOUR + 60 * MICROSECONDS_OF_A_SECOND - 1),
        ("000001", MICROSECONDS_OF_A_SECOND, 2 * MICROSECONDS_OF_A_SECOND - 1),
        ("000000.5", 500_000, 599_999),
        ("000000.123456", 123_456, 123_456),
        ("235960", MICROSECONDS_OF_A_DAY - 1, MICROSECONDS_OF_A_DAY - 1),
    ],
)
def test_a_time_of_less_precision_is_a_span(text: str, first: int, last: int) -> None:
    span = time_span(text)
    assert span
    assert (span.first, span.last) == (first, last)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024", "20240101000000.000000", "20241231235959.999999"),
        ("202402", "20240201000000.000000", "20240229235959.999999"),
        ("20230228", "20230228000000.000000", "20230228235959.999999"),
        ("2023022807", "20230228070000.000000", "20230228075959.999999"),
        ("00010101", "00010101000000.000000", "00010101235959.999999"),
    ],
)
def test_a_date_time_of_less_precision_is_a_span(text: str, first: str, last: str) -> None:
    span, begin, end = date_time_span(text), date_time_span(first), date_time_span(last)
    assert span
    assert begin
    assert end
    assert (span.first, span.last) == (begin.first, end.last)


def test_a_date_is_a_day() -> None:
    span = date_span("20240229")
    assert span
    assert span.last - span.first == MICROSECONDS_OF_A_DAY - 1


@pytest.mark.parametrize(
    "text", ["", "2024022", "20230229", "20241301", "00000101", "٢٠٢٦٠١٠٢", "2024 229", "20240229\n"]
)
def test_what_is_no_date_has_no_span(text: str) -> None:
    assert date_span(text) is None


@pytest.mark.parametrize("text", ["", "2", "24", "1060", "10305", "103000.", "103000.1234567", "10:30", "1030+0100"])
def test_what_is_no_time_has_no_span(text: str) -> None:
    assert time_span(text) is None


@pytest.mark.parametrize(
    "text", ["", "202", "20241", "202413", "20240230", "0000", "2024010125", "20240101+9999", "2024.5"]
)
def test_what_is_no_date_time_has_no_span(text: str) -> None:
    assert date_time_span(text) is None


def test_an_offset_from_utc_stands_behind_any_precision() -> None:
    assert [span and span.zone for span in map(date_time_span, ("2024+0100", "20240101-0330", "2024"))] == [
        60,
        -210,
        None,
    ]


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("+0000", 0), ("-1200", -720), ("+1400", 840), ("+1401", None), ("-1201", None), ("-0000", None), ("0100", None)],
)
def test_an_offset_is_within_those_of_the_earth(text: str, minutes: int | None) -> None:
    assert zone_minutes(text) == minutes


def test_reads_the_zone_that_a_match_tells() -> None:
    assert stored_zone({"00080201": ["+0100 "]}.__getitem__) == 60
    assert stored_zone({"00080201": ["here"]}.__getitem__) is None
    assert stored_zone({"00080201": []}.__getitem__) is None
    assert stored_zone(None) is None


@given(st.text(alphabet="0123456789.+-", max_size=30))
def test_any_text_has_a_span_or_none(text: str) -> None:
    for span in (date_span(text), time_span(text), date_time_span(text)):
        assert span is None or span.first <= span.last
