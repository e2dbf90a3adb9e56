import pytest

from imaging.fhir.comparison import differs, renewed
from imaging.fhir.imaging_study import ELEMENTS, imaging_study
from tests.unit.fhir.samples import LINKS, small_revision


def ours(**of_study):
    return imaging_study(small_revision(**of_study), "p1", LINKS)


def on_server(resource, **elements):
    meta = {**resource["meta"], "versionId": "3", "lastUpdated": "2026-11-21T20:55:01Z"}
    return {**resource, "meta": meta, **elements}


def changes(current, wanted):
    return differs(current, renewed(current, wanted, ELEMENTS))


def test_what_is_not_there_is_ours_alone():
    assert renewed(None, ours(), ELEMENTS) == ours()


def test_version_and_time_are_no_difference():
    assert not changes(on_server(ours()), ours())


@pytest.mark.parametrize(
    "added",
    [
        {"text": {"status": "generated", "div": "<div/>"}},
        {"extension": [{"url": "urn:x", "valueString": "x"}]},
        {"note": [{"text": "seen"}]},
        {"_description": {"id": "d"}},
    ],
)
def test_what_others_add_is_no_difference_and_is_kept(added):
    current = on_server(ours(), **added)
    assert not changes(current, ours())
    assert added.items() <= renewed(current, ours(StudyDescription="new"), ELEMENTS).items()


def test_element_ids_in_a_series_are_no_difference():
    current = on_server(ours())
    current["series"] = [{"id": "s1", **current["series"][0]}]
    assert not changes(current, ours())


def test_the_same_instant_written_otherwise_is_no_difference():
    values = {"StudyDate": "20261121", "StudyTime": "205501", "TimezoneOffsetFromUTC": "+0900"}
    current = on_server(ours(**values), started="2026-11-21T11:55:01.000Z")
    assert not changes(current, ours(**values))


def test_a_date_that_python_cannot_read_is_compared_as_text():
    assert differs({"started": "2026-99-99T00:00:00Z"}, {"started": "2026-99-98T00:00:00Z"})


def test_a_changed_element_is_a_difference():
    assert changes(on_server(ours()), ours(StudyDescription="new"))


def test_an_element_that_the_study_has_no_more_goes():
    current = on_server(ours(StudyDescription="old"))
    assert changes(current, ours())
    assert "description" not in renewed(current, ours(), ELEMENTS)


def test_a_series_element_that_the_study_has_no_more_is_a_difference():
    current = on_server(ours())
    current["series"] = [{**current["series"][0], "description": "old"}]
    assert changes(current, ours())


def test_a_new_base_address_is_a_difference():
    current = on_server(ours())
    current["meta"]["source"] = "https://old.example.org/spaces/main"
    assert changes(current, ours())


@pytest.mark.parametrize("source", [None, "https://imaging.example.org/spaces/main#aB3dE"])
def test_a_server_that_keeps_no_source_or_marks_it_makes_no_difference(source):
    current = on_server(ours())
    current["meta"] = {"versionId": "3"} | ({"source": source} if source else {})
    assert not changes(current, ours())


def test_tags_of_others_are_kept():
    current = on_server(ours())
    current["meta"]["tag"] = [{"code": "x"}]
    assert renewed(current, ours(), ELEMENTS)["meta"]["tag"] == [{"code": "x"}]
