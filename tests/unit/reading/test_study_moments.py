import pytest

from imaging.reading.matcher import reader_of
from imaging.reading.moment import date_time_span
from imaging.reading.study_moments import StudyMoments


def is_within(since: str, until: str, **study: str) -> bool:
    tags = {"date": "00080020", "time": "00080030", "zone": "00080201"}
    read = reader_of({tags[name]: {"vr": "", "Value": [value]} for name, value in study.items()})
    moments = StudyMoments(date_time_span(since) if since else None, date_time_span(until) if until else None)
    return moments.matches([], read)


@pytest.mark.parametrize(
    ("since", "until", "study", "within"),
    [
        ("20200102", "", {"date": "20200102"}, True),
        ("20200102", "", {"date": "20200101", "time": "235959"}, False),
        ("", "20200102", {"date": "20200102", "time": "2359"}, True),
        ("", "20200102", {"date": "20200103"}, False),
        ("2020010212", "", {"date": "20200102"}, True),  # it may have been made at noon
        ("202001021200", "", {"date": "20200102", "time": "12"}, True),
        ("202001021200", "", {"date": "20200102", "time": "115959"}, False),
        ("202001021200+0100", "", {"date": "20200102", "time": "1159"}, False),  # which tells no zone
        ("202001021200+0100", "", {"date": "20200102", "time": "1159", "zone": "+0000"}, True),
        ("", "202001021200+0100", {"date": "20200102", "time": "1159", "zone": "+0000"}, False),
        ("20200102", "", {}, False),
        ("20200102", "", {"date": "2020"}, False),
    ],
)
def test_studies_that_may_have_been_made_between_two_moments_match(since, until, study, within):
    assert is_within(since, until, **study) is within
