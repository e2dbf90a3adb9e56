"""Values as workstations send them."""

import pytest

from imaging.dimse.find_values import as_meant


@pytest.mark.parametrize(
    ("vr", "value", "meant"),
    [
        ("PN", "^^^^", ""),
        ("PN", "^=^=", ""),
        ("PN", "Doe^^^", "Doe^^^"),
        ("PN", "*^", "*^"),
        ("DA", "-", ""),
        ("DA", " - ", ""),
        ("DA", "2024.01.31", "20240131"),
        ("DA", "2024.01.01-2024.01.31", "20240101-20240131"),
        ("DA", "-2024.01.31", "-20240131"),
        ("DA", "20240101-20240131", "20240101-20240131"),
        ("DA", "01.02.2024", "01.02.2024"),
        ("TM", "-", ""),
        ("TM", "08:30:00.5-17:00", "083000.5-1700"),
        ("TM", "083000.5-17", "083000.5-17"),
        ("DT", "-", ""),
        ("DT", "2024-0500", "2024-0500"),
        ("CS", "ct", "CT"),
        ("CS", "CT\\MR\\", "CT\\MR"),
        ("CS", "CT\\\\ mr", "CT\\MR"),
        ("CS", "\\", ""),
        ("UI", "1.2.3\\", "1.2.3"),
        ("LO", "Some\\Text\\", "Some\\Text"),
        ("LO", "lower-case", "lower-case"),
        ("LO", '""', '""'),
        ("LT", "\\a\\\\", "\\a\\\\"),
        ("IS", "", ""),
    ],
)
def test_a_value_is_read_as_it_is_meant(vr: str, value: str, meant: str) -> None:
    assert as_meant(value, vr) == meant
