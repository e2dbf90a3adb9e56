import pytest

from imaging.fhir.comparison import differs, says
from tests.unit.fhir.imaging_studies import on_server, ours, renewal

REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"


def changes(current, wanted):
    return differs(current, renewal(current, wanted))


def test_version_and_time_are_no_difference():
    assert not changes(on_server(ours()), ours())


@pytest.mark.parametrize(
    "added",
    [
        {"language": "de"},
        {"extension": [{"url": "urn:x", "valueString": "x"}]},
        {"note": [{"text": "seen"}]},
        {"_description": {"id": "d"}},
    ],
)
def test_what_others_add_is_no_difference_and_is_kept(added):
    current = on_server(ours(), **added)
    assert not changes(current, ours())
    assert added.items() <= renewal(current, ours(StudyDescription="new")).items()


def test_element_ids_in_a_series_are_no_difference():
    current = on_server(ours())
    current["series"] = [{"id": "s1", **current["series"][0]}]
    assert not changes(current, ours())


def test_an_extension_of_ours_that_is_not_there_is_a_difference_and_one_of_others_is_none():
    extended = {"family": "Doe", "extension": [{"url": REPRESENTATION, "valueCode": "IDE"}]}
    of_others = {"url": "urn:x", "valueString": "x"}
    assert not says({"family": "Doe"}, extended)
    assert not says({"family": "Doe", "extension": [{"url": REPRESENTATION, "valueCode": "SYL"}]}, extended)
    assert says({"family": "Doe", "extension": [of_others, *extended["extension"]]}, extended)


def test_what_stands_beside_a_primitive_of_ours_is_compared():
    assert not says({"family": "Doe"}, {"family": "Doe", "_family": {"extension": [{"url": "urn:x"}]}})


def test_the_same_instant_written_otherwise_is_no_difference():
    values = {"StudyDate": "20261121", "StudyTime": "205501", "TimezoneOffsetFromUTC": "+0900"}
    current = on_server(ours(**values), started="2026-11-21T11:55:01.000Z")
    assert not changes(current, ours(**values))


def test_a_date_that_python_cannot_read_is_compared_as_text():
    assert differs({"started": "2026-99-99T00:00:00Z"}, {"started": "2026-99-98T00:00:00Z"})


def test_a_changed_element_is_a_difference():
    assert changes(on_server(ours()), ours(StudyDescription="new"))


def test_an_element_that_the_study_has_no_more_is_a_difference():
    assert changes(on_server(ours(StudyDescription="old")), ours())


def test_a_series_element_that_the_study_has_no_more_is_a_difference():
    current = on_server(ours())
    current["series"] = [{**current["series"][0], "description": "old"}]
    assert changes(current, ours())


def test_a_list_with_another_number_of_entries_is_a_difference():
    assert differs({"name": [{"text": "a"}]}, {"name": [{"text": "a"}, {"text": "b"}]})


def test_a_new_base_address_is_a_difference():
    current = on_server(ours())
    current["meta"]["source"] = "https://old.example.org/spaces/main"
    assert changes(current, ours())


@pytest.mark.parametrize("source", [None, "https://imaging.example.org/spaces/main#aB3dE"])
def test_a_server_that_keeps_no_source_or_marks_it_makes_no_difference(source):
    current = on_server(ours())
    current["meta"] = {"versionId": "3"} | ({"source": source} if source else {})
    assert not changes(current, ours())
