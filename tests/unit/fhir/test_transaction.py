from fhir.resources.R4B.bundle import Bundle

from imaging.fhir.endpoint import endpoint
from imaging.fhir.transaction import delete, put, transaction
from tests.unit.fhir.samples import LINKS

ENDPOINT = endpoint("main", LINKS)


def test_a_resource_is_put_under_its_id():
    assert put(ENDPOINT, None) == {
        "fullUrl": f"urn:uuid:{ENDPOINT['id']}",
        "resource": ENDPOINT,
        "request": {"method": "PUT", "url": f"Endpoint/{ENDPOINT['id']}"},
    }


def test_a_resource_that_was_read_is_put_over_that_version_only():
    current = {**ENDPOINT, "meta": {"versionId": "3", "lastUpdated": "2026-11-21T20:55:01Z", "tag": [{"code": "x"}]}}
    entry = put(current, current)
    assert entry["request"]["ifMatch"] == 'W/"3"'
    assert entry["resource"]["meta"] == {"tag": [{"code": "x"}]}


def test_without_a_version_there_is_no_condition():
    entry = put(ENDPOINT, ENDPOINT)
    assert "ifMatch" not in entry["request"]
    assert "meta" not in entry["resource"]


def test_the_bundle_is_valid_fhir():
    Bundle.model_validate(transaction([put(ENDPOINT, None), delete("ImagingStudy", "x")]))
