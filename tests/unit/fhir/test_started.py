import pytest

from imaging.fhir.findings import Findings
from imaging.fhir.started import offset_from_utc, started
from tests.unit.fhir.samples import attributes


def of(date="", time="", offset=""):
    findings = Findings()
    study = attributes(StudyDate=date, StudyTime=time, TimezoneOffsetFromUTC=offset)
    return started(study, "00080020", "00080030", offset_from_utc(study, findings), findings), findings.keywords


@pytest.mark.parametrize(
    ("date", "time", "offset", "expected"),
    [
        ("20261121", "2055", "+0900", "2026-11-21T20:55:00+09:00"),
        ("20261121", "205501.5", "-0330", "2026-11-21T20:55:01.5-03:30"),
        ("20261121", "205501", "", "2026-11-21"),
        ("20261121", "20", "+0100", "2026-11-21"),
        ("20261121", "", "+0100", "2026-11-21"),
        ("202611", "2055", "+0100", "2026-11"),
        ("", "2055", "+0100", None),
    ],
)
def test_it_is_as_exact_as_date_time_and_offset_allow(date, time, offset, expected):
    assert of(date, time, offset) == (expected, ())


@pytest.mark.parametrize(
    ("date", "time", "offset", "expected", "keyword"),
    [
        ("20260230", "2055", "+0100", None, "StudyDate"),
        ("20261121", "99", "+0100", "2026-11-21", "StudyTime"),
        ("20261121", "2055", "+9999", "2026-11-21", "TimezoneOffsetFromUTC"),
    ],
)
def test_what_makes_no_sense_is_noted_and_the_rest_is_given(date, time, offset, expected, keyword):
    assert of(date, time, offset) == (expected, (keyword,))
