import pytest

from imaging.errors import Rejected
from imaging.reading.combined_date_time import with_combined_date_times
from imaging.reading.date_time_ranges import DateRange, parse_date_range, parse_time_range
from imaging.reading.matcher import Matcher, meets

DATE, TIME, ZONE = "00080020", "00080030", "00080201"


def criteria(date: str, time: str, zone: int | None = None) -> dict[str, Matcher]:
    asked = {DATE: parse_date_range(date), TIME: parse_time_range(time, zone)}
    return with_combined_date_times({tag: matcher for tag, matcher in asked.items() if matcher}, zone)


def found(date: str, time: str, *, at: str, zone: int | None = None, stored_zone: str = "") -> bool:
    day, _, hour = at.partition(" ")
    values = {DATE: [day], TIME: [hour] if hour else [], ZONE: [stored_zone] if stored_zone else []}
    return meets(criteria(date, time, zone), lambda tag: values.get(tag, []))


def test_ranges_of_one_form_are_one_range() -> None:
    """The example of PS3.4 C.2.2.2.5.4."""
    dates, times = "20060705-20060707", "1000-1800"
    assert not found(dates, times, at="20060705 0900")
    assert found(dates, times, at="20060705 1900")
    assert found(dates, times, at="20060706 0300")
    assert found(dates, times, at="20060707 180059")
    assert not found(dates, times, at="20060707 1900")


def test_open_ranges_of_one_form_are_one_too() -> None:
    assert found("20060705-", "1000-", at="20060706 0300")
    assert not found("20060705-", "1000-", at="20060705 0300")
    assert found("-20060705", "-1000", at="20060704 2300")
    assert not found("-20060705", "-1000", at="20060705 2300")


def test_over_midnight_a_range_needs_its_dates() -> None:
    assert found("20060705-20060706", "2200-0600", at="20060706 0300")
    with pytest.raises(Rejected, match="over midnight"):
        criteria("", "2200-0600")
    with pytest.raises(Rejected, match="over midnight"):
        criteria("20060705-", "2200-0600")


def test_what_has_another_form_is_matched_apart() -> None:
    assert not found("20060705-20060707", "1000-", at="20060706 0900")
    assert found("20060705-20060707", "10", at="20060706 1030")
    assert not found("20060705-20060707", "10", at="20060706 1130")
    assert found("20060705", "10-11", at="20060705 1030")


def test_an_index_still_finds_the_dates() -> None:
    combined = criteria("20060705-20060707", "1000-1800")
    assert combined[DATE] == DateRange("20060705", "20060707")
    assert combined.keys() == {DATE, f"{DATE}+{TIME}"}
    assert criteria("20060705-20060707", "").keys() == {DATE}


def test_a_date_alone_does_not_match_a_time() -> None:
    assert not found("20060705-20060707", "1000-1800", at="20060706")
    assert not found("20060705-20060707", "1000-1800", at="x 1000")


def test_dates_are_meant_in_the_zone_that_the_query_names() -> None:
    assert found("20060705", "", at="20060704 2330", zone=60, stored_zone="+0000")
    assert not found("20060705", "", at="20060705 2330", zone=60, stored_zone="+0000")
    assert found("20060705", "", at="20060705 2330", zone=60)  # nobody told in which zone it is
    assert found("20060705", "", at="20060705", zone=60, stored_zone="+0000")  # nor when it was
    assert found("20060705-20060706", "0000-0100", at="20060704 2330", zone=60, stored_zone="+0000")
    assert found("20060705", "00", at="20060704 2330", zone=60, stored_zone="+0000")


def test_an_index_looks_a_little_farther_where_zones_differ() -> None:
    assert criteria("20060705", "", 60)[DATE] == DateRange("20060703", "20060707")
    assert criteria("00010101-", "", 60)[DATE] == DateRange("00010101", "")
    assert criteria("-99991231", "", 60)[DATE] == DateRange("", "99991231")
