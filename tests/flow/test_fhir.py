"""From the door to the patient's record and back: what is published opens, and what cannot be is told."""

from typing import Any

import pytest

from imaging.model.identifiers import InstanceKey
from tests.flow.client import Client, eventually, instances_of, new_study
from tests.flow.test_operators_command import imaging

MULTIPART = 'multipart/related; type="application/dicom"; transfer-syntax=*'
NAME = "Never^Told"


def errors_of(client: Client, key: InstanceKey) -> dict[str, dict[str, Any]]:
    """The study's entries by kind."""
    answer = client.http.get(f"{client.system.dicomweb()}/fhir-errors", params={"limit": 1000})
    assert NAME not in answer.text
    return {entry["kind"]: entry for entry in answer.json() if entry["study"] == key.study_instance_uid}


def with_entry(client: Client, key: InstanceKey, kind: str) -> dict[str, Any]:
    return eventually(f"{kind} in fhir-errors", lambda: errors_of(client, key).get(kind))


def published(client: Client, key: InstanceKey) -> dict[str, Any]:
    (study,) = eventually("published", lambda: client.imaging_studies(key))
    return study


@pytest.fixture(scope="module")
def studies(client: Client) -> dict[str, InstanceKey]:
    """A good one, one without PatientID and one whose PatientSex FHIR has no code for: all become quiet together."""
    of_patient = {"good": {}, "nobody's": {"PatientID": ""}, "odd": {"PatientSex": "X"}}
    keys = {what: new_study()[0] for what in of_patient}
    for what, attributes in of_patient.items():
        client.stow(instances_of([keys[what]], **{"PatientID": f"P-{what}", "PatientName": NAME, **attributes}))
    return keys


def test_the_address_of_the_published_endpoint_leads_to_the_study(
    client: Client, studies: dict[str, InstanceKey]
) -> None:
    key = studies["good"]
    reference, _ = published(client, key)["endpoint"]
    endpoint = client.http.get(f"{client.system.endpoints['fhir']}/{reference['reference']}").json()
    answer = client.http.get(f"{endpoint['address']}/studies/{key.study_instance_uid}", headers={"Accept": MULTIPART})
    assert answer.status_code == 200
    assert client.instance_bytes(key) in answer.content
    assert errors_of(client, key) == {}


def test_what_cannot_be_published_is_told_until_a_corrected_study_comes(
    client: Client, studies: dict[str, InstanceKey]
) -> None:
    nobodys, odd = studies["nobody's"], studies["odd"]
    assert "PatientID" in with_entry(client, nobodys, "not-published")["message"]
    assert client.imaging_studies(nobodys) == []
    assert "PatientSex" in with_entry(client, odd, "invalid-tag")["message"]
    (subject,) = {published(client, odd)["subject"]["reference"]}
    assert "gender" not in client.http.get(f"{client.system.endpoints['fhir']}/{subject}").json()

    client.stow(instances_of([nobodys], PatientID="P-known", PatientName=NAME))
    client.stow(instances_of([odd], PatientID="P-odd", PatientName=NAME, PatientSex="O"))

    eventually("cleared", lambda: not errors_of(client, nobodys) and not errors_of(client, odd))
    assert published(client, nobodys)["numberOfInstances"] == 1
    assert client.http.get(f"{client.system.endpoints['fhir']}/{subject}").json()["gender"] == "other"


def test_what_was_lost_in_fhir_is_published_again_when_asked_for_and_goes_with_the_study(
    client: Client, studies: dict[str, InstanceKey]
) -> None:
    key = studies["good"]
    lost = f"{client.system.endpoints['fhir']}/ImagingStudy/{published(client, key)['id']}"
    client.http.delete(lost).raise_for_status()
    assert client.imaging_studies(key) == []

    imaging(client, "publish", "--study", key.study_instance_uid, "--space", "main", trouble=False)

    assert published(client, key)["status"] == "available"
    client.delete(key).raise_for_status()
    eventually("removed", lambda: not client.imaging_studies(key))
