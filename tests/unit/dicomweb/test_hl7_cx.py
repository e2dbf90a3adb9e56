import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicomweb.hl7_cx import parse_cx
from imaging.reading.assigned_patient_id import AssignedPatientId

ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}
PART = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=40)


def escaped(text: str) -> str:
    return "".join(ESCAPES.get(character, character) for character in text)


@given(value=PART, authority=st.tuples(PART, PART, PART))
def test_reads_back_what_is_escaped_as_hl7_says(value, authority):
    cx = f"{escaped(value)}^3^M11^{'&'.join(map(escaped, authority))}^PI"
    assert parse_cx(cx) == AssignedPatientId(value, *authority)


@given(st.text())
def test_whatever_comes_is_a_number_or_nothing(cx):
    found = parse_cx(cx)
    assert found is None or (found.value and found.value == found.value.strip(" "))


@pytest.mark.parametrize(
    ("cx", "read"),
    [
        ("99998410^^^AcmeHospital", AssignedPatientId("99998410", "AcmeHospital")),
        ("1^^^&1.2.3&ISO", AssignedPatientId("1", "", "1.2.3", "ISO")),
        (" 1 ", AssignedPatientId("1")),
        ("1^^", AssignedPatientId("1")),
        ("J\\XC3B6\\rg", AssignedPatientId("J\N{LATIN SMALL LETTER O WITH DIAERESIS}rg")),
    ],
)
def test_takes_the_number_and_who_assigned_it(cx, read):
    assert parse_cx(cx) == read


@pytest.mark.parametrize("cx", ["1^^^", "1^^^ ^MR", "1^^^&", "1^^^&&ISO"])
def test_does_not_take_a_number_for_anybodys_where_who_assigned_it_was_cut_off(cx):
    assert parse_cx(cx) is None


@pytest.mark.parametrize("cx", ["", " ", "^^^Acme", "1\\", "1\\Z\\", "1\\XC3\\", "1\n", "1" * 256, "1^^^a\\b"])
def test_reads_nothing_into_what_is_no_identifier(cx):
    assert parse_cx(cx) is None
