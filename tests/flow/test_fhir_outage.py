"""The FHIR server is down for a while: fhir-errors says so, and the study is published when it is back, once."""

import httpx

from tests.flow.client import eventually, instances_of, new_study
from tests.flow.test_fhir import errors_of

REQUESTS_THAT_FAIL = 24  # two tries of publishing; the test's own questions use the rest of them up


def test_a_study_is_published_once_after_the_server_was_down(client):
    (key,) = new_study()
    fhir = client.system.endpoints["fhir"]
    client.http.post(f"{fhir}/_fail", params={"n": REQUESTS_THAT_FAIL, "status": 503}).raise_for_status()
    client.stow(instances_of([key], PatientID="P-OUTAGE"))

    entry = eventually("told", lambda: errors_of(client, key).get("retrying"))
    assert entry["attempts"] >= 1
    assert client.http.get(f"{fhir}/ImagingStudy").status_code == httpx.codes.SERVICE_UNAVAILABLE

    (study,) = eventually("published", lambda: client.imaging_studies(key), seconds=240)
    history = client.http.get(f"{fhir}/ImagingStudy/{study['id']}/_history").json()
    assert len(history["entry"]) == 1
    eventually("cleared", lambda: not errors_of(client, key))
