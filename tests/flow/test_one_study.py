"""One study through all five stages, from the door to FHIR and back. Read this first."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.flow.client import Subscription, eventually, instances_of, new_study
from tests.instances import data_set_of


@pytest.fixture
def events(client) -> Iterator[Subscription]:
    with client.subscribed() as subscription:
        yield subscription


def test_a_study_travels_from_both_doors_to_fhir_and_back(client, events):
    # Given a study of two series
    keys = new_study(series=2, instances=3)
    parts = instances_of(keys, PatientID=f"P{keys[0].study_instance_uid[-8:]}")

    # When half of it comes by STOW-RS and half by C-STORE
    answer = client.stow(parts[:3])
    assert answer.status_code == 200
    assert len(answer.json()["00081199"]["Value"]) == 3
    assert client.c_store(parts[3:]) == [0x0000] * 3

    # Then its one revision lists every instance as added,
    revision = client.wait_for_revision(keys[0], 1)
    assert (revision["series"], revision["instances"]) == (2, 6)
    assert {entry["instance"] for entry in revision["additions"]} == {key.sop_instance_uid for key in keys}
    assert revision["modifications"] == revision["deletions"] == []
    whole = client.get(keys[0], "/revisions/1").json()
    assert sorted(i["instance"] for s in whole["hierarchy"] for i in s["instances"]) == sorted(
        key.sop_instance_uid for key in keys
    )

    # each instance and the revision are announced, under schemas that forbid patient attributes,
    eventually("all instances announced", lambda: len(events.of(keys[0], "Instance Stored")) >= 6)
    revised = eventually("Study Revised", lambda: events.of(keys[0], "Study Revised"))
    assert (revised[0]["revision"], revised[0]["additions"], revised[0]["instances"]) == (1, 6, 6)
    assert client.http.get(revised[0]["href"]).json()["revision"] == 1

    # FHIR has one ImagingStudy with a patient and an endpoint,
    imaging_study = eventually("ImagingStudy", lambda: client.imaging_studies(keys[0]))[0]
    fhir = client.system.endpoints["fhir"]
    endpoint = client.http.get(f"{fhir}/{imaging_study['endpoint'][0]['reference']}").json()
    patient = client.http.get(f"{fhir}/{imaging_study['subject']['reference']}").json()
    assert imaging_study["numberOfInstances"] == 6
    assert imaging_study["meta"]["source"] == endpoint["address"] == client.system.dicomweb()
    assert patient["name"][0]["family"] == "Test"

    # and the references in it lead back to every byte that was sent.
    uid = imaging_study["identifier"][0]["value"].removeprefix("urn:oid:")
    for series in imaging_study["series"]:
        for instance in series["instance"]:
            address = f"{endpoint['address']}/studies/{uid}/series/{series['uid']}/instances/{instance['uid']}"
            got = client.http.get(address, headers={"Accept": "application/dicom"})
            sent = parts[[key.sop_instance_uid for key in keys].index(instance["uid"])]
            assert data_set_of(got.content) == data_set_of(sent)
    assert client.instance_bytes(keys[0]) == parts[0]


def test_a_late_instance_makes_revision_2(client, events):
    keys = new_study(instances=2)
    parts = instances_of(keys)
    client.stow(parts[:1])
    client.wait_for_revision(keys[0], 1)

    client.c_store(parts[1:])

    revision = client.wait_for_revision(keys[0], 2)
    assert revision["instances"] == 2
    assert revision["additions"] == [{"series": keys[1].series_instance_uid, "instance": keys[1].sop_instance_uid}]
    eventually(
        "the ImagingStudy brought up to date",
        lambda: [one for one in client.imaging_studies(keys[0]) if one["numberOfInstances"] == 2],
    )
    assert len(client.imaging_studies(keys[0])) == 1


def test_an_identical_instance_through_the_other_door_changes_nothing(client, events):
    keys = new_study()
    parts = instances_of(keys)
    client.stow(parts)
    client.wait_for_revision(keys[0], 1)
    published = eventually("published", lambda: client.imaging_studies(keys[0]))
    bucket = client.bucket("main")
    version = client.aws("s3").head_object(Bucket=bucket, Key=keys[0].object_key)["VersionId"]

    assert client.c_store(parts) == [0x0000]
    assert client.stow(parts).status_code == 200

    # A further study that came later is through: whatever the repeats had caused would be, too.
    later = new_study()
    client.stow(instances_of(later))
    client.wait_for_revision(later[0], 1)
    assert client.aws("s3").head_object(Bucket=bucket, Key=keys[0].object_key)["VersionId"] == version
    assert len(client.revisions(keys[0])) == 1
    assert {event["change_number"] for event in events.of(keys[0], "Instance Stored")} == {1}
    assert client.imaging_studies(keys[0]) == published


def test_other_bytes_under_a_known_uid_are_a_modification(client, events):
    keys = new_study(instances=2)
    client.stow(instances_of(keys))
    client.wait_for_revision(keys[0], 1)

    changed = instances_of(keys[:1], StudyDescription="Corrected")
    assert client.stow(changed).status_code == 200

    revision = client.wait_for_revision(keys[0], 2)
    assert revision["additions"] == revision["deletions"] == []
    assert [entry["instance"] for entry in revision["modifications"]] == [keys[0].sop_instance_uid]
    assert client.instance_bytes(keys[0]) == changed[0]
    update = eventually(
        "the update announced",
        lambda: [event for event in events.of(keys[0], "Instance Stored") if event["change"] == "update"],
    )
    assert update[0]["change_number"] == 2


def test_a_study_whose_objects_are_deleted_is_gone_from_search_and_fhir_and_comes_back(client, events):
    keys = new_study(instances=2)
    parts = instances_of(keys)
    client.stow(parts)
    client.wait_for_revision(keys[0], 1)
    eventually("published", lambda: client.imaging_studies(keys[0]))

    for key in keys:
        client.aws("s3").delete_object(Bucket=client.bucket("main"), Key=key.object_key)

    assert len(client.wait_for_revision(keys[0], 2)["deletions"]) == 2
    eventually("Study Deleted", lambda: events.of(keys[0], "Study Deleted"))
    eventually("Instance Deleted", lambda: len(events.of(keys[0], "Instance Deleted")) >= 2)
    eventually("the ImagingStudy removed", lambda: not client.imaging_studies(keys[0]))
    assert client.get(keys[0], "").status_code == 404
    found = client.http.get(
        f"{client.system.dicomweb()}/studies", params={"StudyInstanceUID": keys[0].study_instance_uid}
    )
    assert found.status_code == 204

    client.stow(parts)
    assert len(client.wait_for_revision(keys[0], 3)["additions"]) == 2
    eventually("published again", lambda: client.imaging_studies(keys[0]))


def test_the_same_study_lives_in_two_spaces_without_meeting(client):
    keys = new_study()
    parts = instances_of(keys)
    client.stow(parts, space="main")
    assert client.c_store(parts, called_ae_title="RESEARCH") == [0x0000]
    elsewhere = replace(keys[0], space="research")

    client.wait_for_revision(keys[0], 1)
    client.wait_for_revision(elsewhere, 1)

    eventually("two ImagingStudies", lambda: len(client.imaging_studies(keys[0])) == 2)
    assert {study["meta"]["source"] for study in client.imaging_studies(keys[0])} == {
        client.system.dicomweb("main"),
        client.system.dicomweb("research"),
    }


def test_a_study_is_not_found_by_a_modality_that_it_has_no_more(client):
    (key,) = new_study()
    client.stow(instances_of([key], Modality="MR"))
    client.wait_for_revision(key, 1)
    client.stow(instances_of([key], Modality="CT"))
    client.wait_for_revision(key, 2)

    def found(modality: str) -> int:
        criteria = {"StudyInstanceUID": key.study_instance_uid, "ModalitiesInStudy": modality}
        return client.http.get(f"{client.system.dicomweb()}/studies", params=criteria).status_code

    assert (found("MR"), found("CT")) == (204, 200)
