import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicomweb.xml_date_time import moment_span
from imaging.reading.moment import date_time_span


@given(st.datetimes())
def test_reads_what_a_moment_is_written_as(moment):
    written = moment.isoformat(timespec="microseconds")
    assert moment_span(written) == date_time_span(re.sub("[-:T]", "", written))


@pytest.mark.parametrize(
    ("text", "dicom"),
    [
        ("2026-01-31", "20260131"),
        ("2026-01-31T12:30", "202601311230"),
        ("2026-01-31T12:30:15.123456789", "20260131123015.123456"),
        ("2026-01-31T12:30:15Z", "20260131123015+0000"),
        ("2026-01-31T12:30:15-00:00", "20260131123015+0000"),
        ("2026-01-31t12:30:15-05:00", "20260131123015-0500"),
        ("2026-01-31T12:30:15 01:00", "20260131123015+0100"),
    ],
)
def test_is_as_precise_as_what_is_written(text, dicom):
    assert moment_span(text) == date_time_span(dicom)


@pytest.mark.parametrize("text", ["", "2026", "2026-02-30", "2026-01-31T25:00", "2026-01-31T12:30+15:00", "20260131"])
def test_is_nothing_else(text):
    assert moment_span(text) is None
