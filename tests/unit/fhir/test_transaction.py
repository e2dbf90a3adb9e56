import json
from uuid import UUID

import pytest
from fhir.resources.R4B.bundle import Bundle

from imaging.fhir.endpoint import endpoints
from imaging.fhir.own_identifier import bears, condition, own_identifier, token, with_own_identifier
from imaging.fhir.policy import PublishingPolicy
from imaging.fhir.transaction import delete, full_url, is_void, post, put, put_where, transaction, written_id
from tests.unit.fhir.samples import LINKS

(ENDPOINT,) = endpoints("main", LINKS, PublishingPolicy())
NAME = ENDPOINT["id"]
WITHOUT_ID = {name: value for name, value in ENDPOINT.items() if name != "id"}
MEDICAL_RECORD = {"system": "urn:oid:1.2", "value": "A|1,2"}


def test_a_resource_is_put_under_its_id():
    assert put(NAME, ENDPOINT, None) == {
        "fullUrl": full_url(NAME),
        "resource": ENDPOINT,
        "request": {"method": "PUT", "url": f"Endpoint/{NAME}"},
    }


def test_a_resource_that_was_read_is_put_over_that_version_only():
    meta = {"versionId": "3", "lastUpdated": "2026-11-21T20:55:01Z", "tag": [{"code": "x"}]}
    current = {**ENDPOINT, "id": "17", "meta": meta}
    entry = put(NAME, current, current)
    assert entry["request"] == {"method": "PUT", "url": "Endpoint/17", "ifMatch": 'W/"3"'}
    assert entry["resource"]["meta"] == {"tag": [{"code": "x"}]}
    assert entry["fullUrl"] == full_url(NAME)


def test_without_a_version_there_is_no_condition():
    entry = put(NAME, ENDPOINT, ENDPOINT)
    assert "ifMatch" not in entry["request"]
    assert "meta" not in entry["resource"]


def test_where_the_server_chooses_ids_it_is_asked_by_what_the_resource_bears():
    assert put_where(NAME, ENDPOINT, own_identifier(NAME)) == {
        "fullUrl": full_url(NAME),
        "resource": WITHOUT_ID,
        "request": {
            "method": "PUT",
            "url": f"Endpoint?identifier=urn%3Aietf%3Arfc%3A3986%7Curn%3Auuid%3A{NAME}",
        },
    }


def test_a_post_can_be_void_and_says_so_by_its_status():
    entry = post(NAME, ENDPOINT, MEDICAL_RECORD)
    assert entry["resource"] == WITHOUT_ID
    assert entry["request"] == {
        "method": "POST",
        "url": "Endpoint",
        "ifNoneExist": "identifier=urn%3Aoid%3A1.2%7CA%5C%7C1%5C%2C2",
    }
    assert is_void(entry, {"status": "200 OK"})
    assert not is_void(entry, {"status": "201 Created"})
    assert not is_void(put(NAME, ENDPOINT, ENDPOINT), {"status": "200 OK"})
    assert "ifNoneExist" not in post(NAME, ENDPOINT, None)["request"]


@pytest.mark.parametrize(
    ("location", "logical_id"),
    [
        ("Patient/17/_history/1", "17"),
        ("https://fhir.example.org/r4/Patient/a-B.9/_history/1", "a-B.9"),
        ("Patient/17", "17"),
        ("Endpoint/17/_history/1", None),
        ("", None),
    ],
)
def test_the_id_that_a_server_gave_stands_in_its_answer(location, logical_id):
    assert written_id("Patient", {"location": location}) == logical_id
    assert written_id("Patient", {}) is None


def test_identifiers_are_searched_with_their_own_characters_escaped():
    assert token(MEDICAL_RECORD) == r"urn:oid:1.2|A\|1\,2"
    assert token({"value": r"a\b$"}) == r"a\\b\$"
    assert condition({"value": "é"}) == "identifier=%C3%A9"


def test_a_resource_bears_an_identifier_of_that_system_or_of_any():
    resource = {"identifier": [MEDICAL_RECORD]}
    assert bears(resource, {**MEDICAL_RECORD, "use": "usual"})
    assert bears(resource, {"value": "A|1,2"})
    assert not bears(resource, {**MEDICAL_RECORD, "system": "urn:oid:9"})
    assert not bears({}, MEDICAL_RECORD)


def test_what_stands_for_an_entry_stands_nowhere_in_a_resource():
    assert UUID(full_url(NAME))
    assert full_url(NAME) not in json.dumps(with_own_identifier(ENDPOINT))
    assert full_url(NAME) != full_url(f"{NAME[:-1]}0")


def test_the_bundle_is_valid_fhir():
    dressed = with_own_identifier(ENDPOINT)
    entries = [
        put(NAME, ENDPOINT, None),
        put_where(f"{NAME[:-1]}0", dressed, own_identifier(NAME)),
        post(f"{NAME[:-1]}1", dressed, own_identifier(NAME)),
        delete("ImagingStudy", "x"),
    ]
    Bundle.model_validate(transaction(entries))
