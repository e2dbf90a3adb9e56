import pytest

from imaging.errors import Rejected, RejectReason
from imaging.fhir.capabilities import Way, Ways
from imaging.fhir.policy import Writes


def statement(*resources, version="4.0.1", interactions=("transaction", "batch")):
    interaction = [{"code": code} for code in interactions]
    return {
        "resourceType": "CapabilityStatement",
        "fhirVersion": version,
        "rest": [{"mode": "client"}, {"mode": "server", "interaction": interaction, "resource": list(resources)}],
    }


@pytest.mark.parametrize(
    ("told", "way"),
    [
        ({"updateCreate": True, "conditionalUpdate": True}, Way(Writes.PUT_BY_ID)),
        ({"conditionalUpdate": True, "conditionalCreate": True}, Way(Writes.CONDITIONAL_PUT, True)),
        ({"updateCreate": False, "conditionalCreate": True}, Way(Writes.SEARCH_THEN_PUT, True)),
        ({}, Way(Writes.SEARCH_THEN_PUT)),
    ],
)
def test_the_first_way_that_the_server_offers_is_taken(told, way):
    assert Ways(Writes.AUTO, statement({"type": "Patient", **told})).of("Patient") == way


def test_a_server_that_says_nothing_of_a_type_chooses_its_ids():
    ways = Ways(Writes.AUTO, statement({"type": "Patient", "updateCreate": True}))
    assert ways.of("Endpoint") == Way(Writes.SEARCH_THEN_PUT)
    assert not ways.searches("Endpoint", "identifier")
    assert ways.searches("Patient", "identifier")


@pytest.mark.parametrize(
    ("told", "can_be"),
    [
        ({"interaction": [{"code": "read"}, {"code": "search-type"}]}, True),
        ({"interaction": [{"code": "read"}]}, False),
        ({"searchParam": [{"name": "_id"}, {"name": "identifier"}]}, True),
        ({"searchParam": [{"name": "_id"}], "interaction": [{"code": "search-type"}]}, False),
    ],
)
def test_a_type_can_be_searched_as_far_as_the_server_tells(told, can_be):
    ways = Ways(Writes.AUTO, statement({"type": "ServiceRequest", **told}))
    assert ways.searches("ServiceRequest", "identifier") is can_be


def test_what_is_configured_goes_before_what_is_told():
    ways = Ways(Writes.CONDITIONAL_PUT, statement({"type": "Patient", "updateCreate": True, "conditionalCreate": True}))
    assert ways.of("Patient") == Way(Writes.CONDITIONAL_PUT, True)


def test_of_a_server_that_was_not_asked_all_is_expected():
    ways = Ways(Writes.PUT_BY_ID, None)
    assert ways.of("Patient").is_by_id
    assert ways.searches("ServiceRequest", "identifier")


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (statement(interactions=["batch"]), "no transactions"),
        ({"fhirVersion": "4.0.1"}, "no transactions"),
        (statement(version="5.0.0"), r"FHIR 5\.0\.0, not R4"),
        (statement(version="3.0.2"), "not R4"),
    ],
)
def test_a_server_that_cannot_be_published_to_is_refused_with_a_sentence(told, sentence):
    with pytest.raises(Rejected, match=sentence) as caught:
        Ways(Writes.AUTO, told)
    assert caught.value.reason is RejectReason.MALFORMED_REQUEST
