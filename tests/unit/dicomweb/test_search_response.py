from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from imaging.dicomweb.search_response import Wanted, search_result
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Action, Arrival, Door, Instance
from imaging.model.links import Links
from imaging.model.study import Series, Study, StudyState
from imaging.reading.query_keys import Level
from imaging.reading.search_catalogue import Match

KEY = InstanceKey("main", "1", "1.2", "1.2.3")
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
NAME = {"vr": "PN", "Value": [{"Alphabetic": "Test^Patient"}]}
STUDY = Study(
    key=KEY.study,
    state=StudyState.OPEN,
    changes=5,
    opened_at=MOMENT,
    last_change_at=MOMENT,
    revision=0,
    claim=None,
    series=2,
    instances=5,
    modalities=("CT", "SR"),
    attributes={"00100010": NAME, "00081030": {"vr": "LO", "Value": ["Chest"]}},
)
SERIES = Series(
    study=KEY.study,
    series_instance_uid="1.2",
    instances=3,
    changes=3,
    attributes={
        "00080060": {"vr": "CS", "Value": ["CT"]},
        "0008103E": {"vr": "LO", "Value": ["Thin"]},
        "00181030": {"vr": "LO", "Value": ["Protocol"]},
    },
)
INSTANCE = Instance(
    key=KEY,
    change_number=1,
    action=Action.CREATE,
    version_id="v1",
    size_bytes=1,
    arrival=Arrival("digest", "1.2.840.10008.1.2.1", Door.STOW_RS, MOMENT),
    sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
    attributes={"00100010": NAME, "00200013": {"vr": "IS", "Value": [7]}, "00280010": {"vr": "US", "Value": [512]}},
)
ADDRESS = "https://imaging.example.org/spaces/main/studies/1"
REQUIRED_OF_A_STUDY = {
    "00080005",
    *("00080020", "00080030", "00080050", "00080056", "00080061", "00080090", "00081190"),
    *("00100010", "00100020", "00100030", "00100040", "0020000D", "00200010", "00201206", "00201208"),
}


def result(match: Match, *levels: Level, included: set[str] | None = None, everything: bool = False) -> dict[str, Any]:
    wanted = Wanted(frozenset(levels), frozenset(included or ()), everything)
    return search_result(match, wanted, Links("https://imaging.example.org"))


def values(element: dict[str, Any]) -> list[Any]:
    return element["Value"]


def test_a_study_has_all_that_the_standard_requires_and_no_more() -> None:
    assert result(Match(STUDY), Level.STUDY).keys() == REQUIRED_OF_A_STUDY


def test_what_is_unknown_is_empty() -> None:
    assert result(Match(STUDY), Level.STUDY)["00100020"] == {"vr": "LO"}


def test_counts_and_links_a_study() -> None:
    study = result(Match(STUDY), Level.STUDY)
    assert values(study["00080061"]) == ["CT", "SR"]
    assert values(study["00201206"]) == [2]
    assert values(study["00201208"]) == [5]
    assert values(study["00081190"]) == [ADDRESS]
    assert values(study["00080056"]) == ["ONLINE"]
    assert study["00100010"] == NAME


def test_returns_what_was_asked_for_beside_the_required() -> None:
    assert "00081030" in result(Match(STUDY), Level.STUDY, included={"00081030"})
    assert "00081030" in result(Match(STUDY), Level.STUDY, everything=True)


def test_tags_are_in_ascending_order() -> None:
    tags = list(result(Match(STUDY, SERIES, INSTANCE), *Level, everything=True))
    assert tags == sorted(tags)


def test_a_series_of_a_study_carries_its_own_attributes_alone() -> None:
    series = result(Match(STUDY, SERIES), Level.SERIES)
    assert series.keys() == {
        *("00080005", "00080056", "00080060", "0008103E", "00081190", "0020000D", "0020000E", "00200011", "00201209")
    }
    assert values(series["00201209"]) == [3]
    assert values(series["00081190"]) == [f"{ADDRESS}/series/1.2"]


def test_a_series_of_any_study_carries_the_study_s_attributes_too() -> None:
    series = result(Match(STUDY, SERIES), Level.STUDY, Level.SERIES)
    assert series.keys() >= REQUIRED_OF_A_STUDY
    assert values(series["00081190"]) == [f"{ADDRESS}/series/1.2"]


def test_attributes_of_the_levels_above_come_if_asked_for() -> None:
    series = result(Match(STUDY, SERIES), Level.SERIES, included={"00100010", "00080061"})
    assert series["00100010"] == NAME
    assert values(series["00080061"]) == ["CT", "SR"]
    assert "00100010" not in result(Match(STUDY, SERIES), Level.SERIES, everything=True)


def test_an_instance_says_in_which_transfer_syntax_it_is_stored() -> None:
    instance = result(Match(STUDY, SERIES, INSTANCE), Level.INSTANCE)
    assert instance.keys() == {
        *("00080005", "00080016", "00080018", "00080056", "00081190", "00083002"),
        *("0020000D", "0020000E", "00200013", "00280010"),
    }
    assert values(instance["00083002"]) == ["1.2.840.10008.1.2.1"]
    assert values(instance["00081190"]) == [f"{ADDRESS}/series/1.2/instances/1.2.3"]


@pytest.mark.parametrize("match", [Match(STUDY), Match(STUDY, SERIES), Match(STUDY, SERIES, INSTANCE)])
def test_every_match_names_all_its_uids(match: Match) -> None:
    level = Level.INSTANCE if match.instance else Level.SERIES if match.series else Level.STUDY
    identity = ("0020000D", "0020000E", "00080018")[:level]
    assert set(identity) <= result(match, level).keys()


@pytest.mark.parametrize("match", [Match(STUDY), Match(STUDY, SERIES), Match(STUDY, SERIES, INSTANCE)])
def test_every_match_tells_its_character_set_and_its_time_zone_if_it_has_one(match: Match) -> None:
    level = Level.INSTANCE if match.instance else Level.SERIES if match.series else Level.STUDY
    zone = {"vr": "SH", "Value": ["+0100"]}
    here = replace(match, study=replace(STUDY, attributes={"00080201": zone}))
    assert result(here, level)["00080201"] == zone
    assert "00080201" not in result(match, level)
    assert result(match, level)["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}


def test_a_sequence_comes_whole() -> None:
    items = {"vr": "SQ", "Value": [{"00400009": {"vr": "SH", "Value": ["SPS"]}}, {}]}
    series = replace(SERIES, attributes={"00400275": items})
    assert result(Match(STUDY, series), Level.SERIES)["00400275"] == items


def test_a_private_attribute_comes_with_its_creator() -> None:
    value = {"vr": "LO", "Value": ["x"]}
    instance = replace(INSTANCE, attributes={"00291001": value})
    levels, creators = {"00291001": Level.INSTANCE}, {"00291001": "ACME"}
    wanted = Wanted(frozenset({Level.INSTANCE}), frozenset({"00291001"}), False, creators, levels)
    found = search_result(Match(STUDY, SERIES, instance), wanted, Links("https://imaging.example.org"))
    assert found["00291001"] == value
    assert found["00290010"] == {"vr": "LO", "Value": ["ACME"]}
    assert "00290010" not in result(Match(STUDY, SERIES, INSTANCE), Level.INSTANCE)
