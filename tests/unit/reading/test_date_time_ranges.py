import pytest

from imaging.reading.date_time_ranges import (
    DateRange,
    parse_date_range,
    parse_date_time_range,
    parse_time_range,
)


def in_times(asked: str, *values: object, query_zone: int | None = None, stored_zone: str = "") -> bool:
    matcher = parse_time_range(asked, query_zone)
    assert matcher
    return matcher.matches(values, lambda tag: [stored_zone] if tag == "00080201" and stored_zone else [])


def in_moments(asked: str, *values: object, query_zone: int | None = None, stored_zone: str = "") -> bool:
    matcher = parse_date_time_range(asked, query_zone)
    assert matcher
    return matcher.matches(values, lambda tag: [stored_zone] if tag == "00080201" and stored_zone else [])


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("20260102", DateRange("20260102", "20260102")),
        ("20260102-20260203", DateRange("20260102", "20260203")),
        ("20260102 - 20260203", DateRange("20260102", "20260203")),
        ("20260102-", DateRange("20260102", "")),
        ("-20260203", DateRange("", "20260203")),
        ("-", None),
        ("2026", None),
        ("20260203-20260102", None),
        ("20260102-20260103-20260104", None),
    ],
)
def test_takes_a_date_or_a_range_of_dates(asked: str, expected: DateRange | None) -> None:
    assert parse_date_range(asked) == expected


def test_a_range_of_dates_includes_both_ends_and_leaves_out_what_is_no_date() -> None:
    matcher = DateRange("20260102", "20260203")
    assert [matcher.matches([day]) for day in ("20260101", "20260102", "20260203", "20260204", "2026")] == [
        False,
        True,
        True,
        False,
        False,
    ]
    assert not matcher.matches([])
    assert not DateRange("", "20260203").matches(["", None, 20260101])


def test_times_match_by_meaning() -> None:
    assert in_times("2230", "223000")  # PS3.4 C.2.2.2.1.3 note 1
    assert in_times("223000", "2230")
    assert in_times("20", "205959.999999")
    assert not in_times("20", "210000")
    assert in_times("103000.5", "103000.5")
    assert not in_times("103000.5", "103000.6")


def test_ranges_of_times_include_all_of_their_last_moment() -> None:
    assert in_times("1000-1800", "100000")
    assert in_times("1000-1800", "180059")
    assert not in_times("1000-1800", "1801")
    assert in_times("1000-", "235959")
    assert in_times("-1000", "00")
    assert not in_times("1000-", "0959", "", None, 10)


def test_times_are_meant_in_the_zone_that_the_query_names() -> None:
    assert in_times("09-10", "083000", query_zone=60, stored_zone="+0000")
    assert not in_times("09-10", "093000", query_zone=60, stored_zone="-0200")
    assert in_times("00", "233000", query_zone=60, stored_zone="+0000")  # over midnight
    assert in_times("09-10", "093000", query_zone=60)  # nobody told in which zone it is
    assert in_times("09-10", "093000", stored_zone="-0200")  # nobody asked for one


@pytest.mark.parametrize("asked", ["-", "24", "noon", "1000-1100-1200", "1000-x"])
def test_refuses_what_is_no_time(asked: str) -> None:
    assert parse_time_range(asked, None) is None


def test_knows_a_range_that_runs_backwards() -> None:
    backwards, forwards = parse_time_range("22-06", None), parse_time_range("06-22", None)
    assert backwards
    assert forwards
    assert backwards.is_backwards
    assert not forwards.is_backwards


def test_date_times_match_by_meaning() -> None:
    assert in_moments("19980128103000.0000", "19980128103000")  # PS3.4 C.2.2.2.1.3 note 1
    assert in_moments("19980128103000", "19980128073000-0300")  # the same
    assert in_moments("199801", "19980131235959.999999")
    assert not in_moments("199801", "19980201")
    assert not in_moments("199801", "x", "", None, 1998)


@pytest.mark.parametrize(
    "asked",
    [
        "19980101-19980131",
        "1998-",
        "-1998",
        "19980128-0300-19980129-0300",
        "19980128000000-0300-",
        "-19980129-0300",
        "19980128103000-0300",
    ],
)
def test_a_hyphen_makes_a_range_or_an_offset_as_it_can_be_read(asked: str) -> None:
    assert in_moments(asked, "19980128133000+0000")
    assert not in_moments(asked, "20990101+0000" if asked[0] == "-" or asked[-1] != "-" else "19970101+0000")


@pytest.mark.parametrize("asked", ["-", "1999-1998", "1998-1999-2000", "now", "1998+0100x", "--1998", "1998+9900"])
def test_refuses_what_is_no_date_time(asked: str) -> None:
    assert parse_date_time_range(asked, None) is None


def test_a_date_time_without_an_offset_is_in_the_zone_that_is_told() -> None:
    assert in_moments("199801281030", "19980128093000", query_zone=60, stored_zone="+0000")
    assert in_moments("199801281030", "19980128103000", query_zone=60)  # taken in the query's
    assert in_moments("199801281030+0100", "19980128093000", stored_zone="+0000")
    assert not in_moments("199801281030+0100", "19980128103000", stored_zone="+0000")
