"""Of the golden CT study, in which others say who and where everybody is."""

from copy import deepcopy

import pytest

from imaging.fhir.comparison import differs
from imaging.fhir.primitives import Resource
from tests.unit.fhir.golden_studies import ALL
from tests.unit.fhir.imaging_studies import on_server, renewal

CT = next(resource for name, (*_, resource) in ALL if name == "ct")


def people_and_places(study: Resource) -> dict[str, Resource]:
    return {
        "Practitioner/smith": study["referrer"],
        "Practitioner/curie": study["interpreter"][1],
        "Location/radiology": study["location"],
        "Practitioner/house": study["series"][0]["performer"][0]["actor"],
    }


def resolved() -> Resource:
    """As it stands on the server."""
    study = on_server(deepcopy(CT))
    for reference, named in people_and_places(study).items():
        named["reference"] = reference
    return study


def test_who_is_resolved_stays_resolved_whatever_else_changes():
    assert not differs(resolved(), renewal(resolved(), CT))
    renewed = renewal(resolved(), {**deepcopy(CT), "description": "new"})
    assert renewed == {**resolved(), "description": "new"}


@pytest.mark.parametrize("changed", list(people_and_places(CT)))
def test_another_name_is_somebody_else(changed):
    wanted = deepcopy(CT)
    people_and_places(wanted)[changed]["display"] = "Somebody Else"
    renewed = people_and_places(renewal(resolved(), wanted))
    assert {name for name, named in renewed.items() if "reference" not in named} == {changed}


def test_another_identifier_is_somebody_else():
    wanted = deepcopy(CT)
    wanted["referrer"]["identifier"]["value"] = "P-18"
    assert renewal(resolved(), wanted)["referrer"] == wanted["referrer"]


def test_a_reader_before_the_others_takes_nobody_elses_reference():
    wanted = {**deepcopy(CT), "interpreter": [{"display": "Rosalyn Yalow"}, *CT["interpreter"]]}
    readers = renewal(resolved(), wanted)["interpreter"]
    assert [reader.get("reference") for reader in readers] == [None, None, "Practitioner/curie"]


def test_a_performer_of_another_series_or_function_is_not_taken_for_it():
    wanted = deepcopy(CT)
    wanted["series"][0]["uid"] = "1.2.840.99999.1.1.2"
    assert renewal(resolved(), wanted)["series"] == wanted["series"]
    wanted = deepcopy(CT)
    wanted["series"][0]["performer"][1]["actor"] = {"display": "Dr. Gregory House"}
    assert renewal(resolved(), wanted)["series"][0]["performer"][1] == wanted["series"][0]["performer"][1]
