"""The FHIR server is down for a while: the study is published when it is back, once."""

import httpx

from tests.flow.client import eventually, instances_of, new_study

REQUESTS_THAT_FAIL = 60  # the test's own questions use some of them up


def test_a_study_is_published_once_after_the_server_was_down(client):
    keys = new_study()
    fhir = client.system.endpoints["fhir"]
    client.http.post(f"{fhir}/_fail", params={"n": REQUESTS_THAT_FAIL, "status": 503}).raise_for_status()
    client.stow(instances_of(keys, PatientID="P-OUTAGE"))

    client.wait_for_revision(keys[0], 1)

    assert client.http.get(f"{fhir}/ImagingStudy").status_code == httpx.codes.SERVICE_UNAVAILABLE
    (study,) = eventually("published", lambda: client.imaging_studies(keys[0]), seconds=240)
    history = client.http.get(f"{fhir}/ImagingStudy/{study['id']}/_history").json()
    assert len(history["entry"]) == 1
