import json
from datetime import timedelta

import pytest

from imaging.settings import QueryTag, Settings, WrongSetting


def query_tags(*entries: dict[str, str]) -> tuple[QueryTag, ...]:
    return Settings({"QUERY_TAGS": json.dumps(entries)}).query_tags


def test_there_are_no_query_tags_unless_some_are_set() -> None:
    assert Settings({}).query_tags == ()


@pytest.mark.parametrize("tag", ["00181030", "ProtocolName"])
def test_a_query_tag_goes_by_its_tag_or_its_keyword(tag: str) -> None:
    assert query_tags({"tag": tag, "level": "series"}) == (QueryTag("00181030", "ProtocolName", "LO", "series"),)


def test_a_private_one_is_named_in_block_10() -> None:
    private = {"tag": "0009421a", "level": "instance", "vr": "LO", "private_creator": "ACME 1.1"}
    assert query_tags(private) == (QueryTag("0009101A", "", "LO", "instance", "ACME 1.1"),)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"tag": "NoSuchKeyword", "level": "study"}, "neither a keyword"),
        ({"tag": "00091011", "level": "study", "vr": "LO"}, "private_creator"),
        ({"tag": "00091011", "level": "study", "private_creator": "ACME"}, "vr"),
        ({"tag": "00080002", "level": "study"}, "vr"),
        ({"tag": "PixelData", "level": "instance"}, "no search can compare"),
        ({"tag": "ProtocolName", "level": "patient"}, "level"),
        ({"tag": "ReferencedStudySequence", "level": "study", "vr": "LO"}, "leave its vr out"),
    ],
)
def test_a_query_tag_that_makes_no_sense_stops_the_process(entry: dict[str, str], said: str) -> None:
    with pytest.raises(WrongSetting, match=said):
        query_tags(entry)


@pytest.mark.parametrize(
    "entries",
    [
        ({"tag": "00181030", "level": "series"}, {"tag": "ProtocolName", "level": "series"}),
        tuple({"tag": "00191001", "level": "series", "vr": "LO", "private_creator": by} for by in ("A", "B")),
    ],
)
def test_one_attribute_cannot_be_two_query_tags(entries: tuple[dict[str, str], ...]) -> None:
    with pytest.raises(WrongSetting, match="twice"):
        query_tags(*entries)


def test_a_space_says_when_its_studies_are_taken_to_be_complete() -> None:
    space = {"name": "main", "bucket": "main-bucket", "ae_title": "MAIN"}
    patient = {**space, "longest_wait_seconds": 0, "finish_on": []}
    eager = {**space, "name": "eager", "longest_wait_seconds": 90, "finish_on": ["expected-instances"]}
    spaces = Settings({"SPACES": json.dumps([patient, eager])}).spaces
    assert (spaces["main"].longest_wait, spaces["main"].finish_on, spaces["main"].issuers) == (None, frozenset(), {})
    assert spaces["eager"].longest_wait == timedelta(seconds=90)
    assert (spaces["eager"].finishes_on_expected, spaces["eager"].finishes_on_release) == (True, False)
