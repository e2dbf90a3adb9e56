import pytest

from imaging.errors import Rejected
from imaging.reading.criteria import Asked, criteria_from
from imaging.reading.matcher import ItemMatcher, OneOf, meets, reader_of
from imaging.reading.matching import ExtendedMatching
from imaging.reading.query_keys import MATCH_KEYS, Level, MatchKey

KEYS = {key.keyword: key for key in MATCH_KEYS}
REQUESTS = KEYS["RequestAttributesSequence"]
STEP = MatchKey("ScheduledProcedureStepID", "00400009", "SH", Level.SERIES)
CODES = MatchKey("ScheduledProtocolCodeSequence", "00400008", "SQ", Level.SERIES)
CODE = MatchKey("CodeValue", "00080100", "SH", Level.SERIES)
PLAIN = ExtendedMatching()


def test_what_is_asked_of_one_sequence_is_one_criterion() -> None:
    asked = [Asked((REQUESTS, STEP), "S1"), Asked((REQUESTS, CODES, CODE), "C1"), Asked((KEYS["Modality"],), "CT")]
    criteria = criteria_from(asked, PLAIN)
    within = (("00080100", OneOf(frozenset({"C1"}))),)
    assert criteria == {
        "00080060": OneOf(frozenset({"CT"})),
        "00400275": ItemMatcher((("00400008", ItemMatcher(within)), ("00400009", OneOf(frozenset({"S1"}))))),
    }
    item = {
        "00400009": {"vr": "SH", "Value": ["S1"]},
        "00400008": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["C1"]}}]},
    }
    series = {"00080060": {"vr": "CS", "Value": ["CT"]}, "00400275": {"vr": "SQ", "Value": [{}, item]}}
    assert meets(criteria, reader_of(series))


def test_an_empty_value_makes_no_criterion() -> None:
    assert criteria_from([Asked((REQUESTS, STEP), ""), Asked((REQUESTS,), "*")], PLAIN) == {}


def test_dates_and_times_come_together() -> None:
    asked = [Asked((KEYS["StudyDate"],), "20060705-20060707"), Asked((KEYS["StudyTime"],), "1000-1800")]
    assert criteria_from(asked, PLAIN).keys() == {"00080020", "00080020+00080030"}


def test_a_fault_inside_a_sequence_is_a_refusal() -> None:
    with pytest.raises(Rejected, match="ScheduledProtocolCodeSequence"):
        criteria_from([Asked((REQUESTS, CODES), "x")], PLAIN)
