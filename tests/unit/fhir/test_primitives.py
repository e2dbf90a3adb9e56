import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.fhir.primitives import (
    MAX_STRING_LENGTH,
    code_string,
    date_time,
    is_oid,
    is_string,
    is_uri,
    partial_date,
    present,
    string,
    unsigned_int,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("CT Thorax", "CT Thorax"),
        ("  padded  ", "padded"),
        ("bell\x07 and escape\x1b(B", "bell and escape(B"),
        ("C1 \x85control", "C1 control"),
        ("two\r\nlines", "two\r\nlines"),
        ("山田^太郎", "山田^太郎"),
        ("lone \ud800surrogate", "lone surrogate"),
        ("\x00", None),
        ("   ", None),
        ("", None),
    ],
)
def test_a_string_has_no_control_characters_and_is_never_empty(value, expected):
    assert string(value) == expected


def test_a_string_is_cut_at_the_longest_that_fhir_allows():
    assert len(string("x" * (MAX_STRING_LENGTH + 1))) == MAX_STRING_LENGTH


@given(st.text(alphabet=st.characters()))
def test_whatever_comes_a_string_comes_out_or_nothing(text):
    result = string(text)
    assert result is None or is_string(result)


@pytest.mark.parametrize("value", ["https://example.org/mrn?a=1#b", "http://loinc.org", "urn:oid:1.2.3"])
def test_a_uri_is_a_web_address_or_a_urn(value):
    assert is_uri(value)


@pytest.mark.parametrize("value", ["", "ADT1", "1.2.3", "ftp://example.org", "urn:oid:1|2", "http://a b", "http://a\n"])
def test_nothing_else_is_a_uri(value):
    assert not is_uri(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1.2.840.10008", True), ("0.0", True), ("2.25.7\n", False), ("3.1", False), ("1.02", False), ("1", False)],
)
def test_an_oid_has_an_arc_of_0_to_2_and_no_leading_zeros(value, expected):
    assert is_oid(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("CT", "CT"), (" MR ", "MR"), ("ct", None), ("C  T", None), ("X" * 17, None), ("C\x00T", None), ("", None)],
)
def test_a_code_string_is_a_code_or_nothing(value, expected):
    assert code_string(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", 7),
        ("+7", 7),
        ("007", 7),
        ("0", 0),
        ("2147483647", 2147483647),
        ("2147483648", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("9" * 5000, None),
        ("", None),
    ],
)
def test_an_unsigned_int_has_31_bits_and_no_sign(value, expected):
    assert unsigned_int(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("19700131", "1970-01-31"),
        ("1970.01.31", "1970-01-31"),
        ("197001", "1970-01"),
        ("19700100", "1970-01"),
        ("1970", "1970"),
        ("19700000", "1970"),
        ("19700031", None),
        ("19700231", None),
        ("19701301", None),
        ("00000101", None),
        ("1970-01-31", None),
        ("19700131-19700201", None),
        ("", None),
    ],
)
def test_a_date_is_as_exact_as_it_is_known(value, expected):
    assert partial_date(value) == expected


@pytest.mark.parametrize(
    ("da", "tm", "offset", "expected"),
    [
        ("20261121", "205501.123", "+0900", "2026-11-21T20:55:01.123+09:00"),
        ("20261121", "205501", "-0330", "2026-11-21T20:55:01-03:30"),
        ("20261121", "2055", "+1400", "2026-11-21T20:55:00+14:00"),
        ("20261121", "20:55:01", "-0000", "2026-11-21T20:55:01+00:00"),
        ("20261121", "20", "+0900", "2026-11-21"),
        ("20261121", "205501", "", "2026-11-21"),
        ("20261121", "205501", "0", "2026-11-21"),
        ("20261121", "205501", "+1430", "2026-11-21"),
        ("20261121", "205501", "-1400", "2026-11-21"),
        ("20261121", "", "+0900", "2026-11-21"),
        ("20261121", "256001", "+0900", "2026-11-21"),
        ("20261121", "235960", "+0900", "2026-11-21"),
        ("202611", "205501", "+0900", "2026-11"),
        ("", "205501", "+0900", None),
    ],
)
def test_a_time_goes_only_with_a_whole_date_and_an_offset(da, tm, offset, expected):
    assert date_time(da, tm, offset) == expected


def test_what_has_no_value_is_left_out_but_zero_stays():
    assert present(a=None, b="", c=[], d={}, e=0, f="x") == {"e": 0, "f": "x"}
