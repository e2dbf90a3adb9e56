"""DELETE on the running system: gone in the very next request, told by the stages, and back when stored again."""

import time
from collections.abc import Iterator

import pytest

from tests.flow.client import Subscription, eventually, instances_of, new_study
from tests.flow.test_large_bodies import MULTIPART, body_of, in_pieces

NO_CONTENT, NOT_FOUND, OK = 204, 404, 200


@pytest.fixture
def events(client) -> Iterator[Subscription]:
    with client.subscribed() as subscription:
        yield subscription


def below_study(key, level):
    series = f"/series/{key.series_instance_uid}"
    return {"study": "", "series": series, "instance": f"{series}/instances/{key.sop_instance_uid}"}[level]


def found_instances(client, key):
    """What a search of the study finds."""
    answer = client.get(key, "/instances")
    return {one["00080018"]["Value"][0] for one in answer.json()} if answer.status_code == OK else set()


def metadata_instances(client, key):
    answer = client.get(key, "/metadata")
    return {one["00080018"]["Value"][0] for one in answer.json()} if answer.status_code == OK else set()


def is_listed(client, key):
    answer = client.http.get(
        f"{client.system.dicomweb(key.space)}/studies", params={"StudyInstanceUID": key.study_instance_uid}
    )
    return answer.status_code == OK


def versions(client, key):
    """Versions and delete markers of the instance's object."""
    listed = client.aws("s3").list_object_versions(Bucket=client.bucket(key.space), Prefix=key.object_key)
    return len(listed.get("Versions", [])), len(listed.get("DeleteMarkers", []))


def test_a_study_is_gone_at_once_and_told_and_comes_back(client, events):
    # Given a study that is finished and in FHIR
    keys = new_study(series=2, instances=2)
    parts = instances_of(keys)
    client.stow(parts)
    client.wait_for_revision(keys[0], 1)
    eventually("published", lambda: client.imaging_studies(keys[0]))

    # When it is deleted
    answer = client.delete(keys[0])

    # Then it is gone from the very next requests,
    assert (answer.status_code, answer.content) == (NO_CONTENT, b"")
    assert not is_listed(client, keys[0])
    assert client.get(keys[0], "").status_code == NOT_FOUND
    assert client.get(keys[0], "/metadata").status_code == NOT_FOUND
    assert client.get(keys[0], "/series").status_code == NO_CONTENT
    assert client.instance_bytes(keys[0]) is None
    assert client.delete(keys[0]).status_code == NOT_FOUND

    # its end is told,
    revision = client.wait_for_revision(keys[0], 2)
    assert (revision["series"], revision["instances"]) == (0, 0)
    assert {entry["instance"] for entry in revision["deletions"]} == {key.sop_instance_uid for key in keys}
    eventually("each Instance Deleted", lambda: len(events.of(keys[0], "Instance Deleted")) >= len(keys))
    deleted = eventually("Study Deleted", lambda: events.of(keys[0], "Study Deleted"))
    assert (deleted[0]["revision"], deleted[0]["deletions"]) == (2, len(keys))
    eventually("the ImagingStudy removed", lambda: not client.imaging_studies(keys[0]))

    # its bytes are kept as versions,
    assert [versions(client, key) for key in keys] == [(1, 1)] * len(keys)
    assert client.delete(keys[0]).status_code == NOT_FOUND

    # and stored again it is there again.
    assert client.stow(parts).status_code == OK
    assert len(client.wait_for_revision(keys[0], 3)["additions"]) == len(keys)
    assert is_listed(client, keys[0])
    assert client.instance_bytes(keys[0]) == parts[0]
    eventually("published again", lambda: client.imaging_studies(keys[0]))


@pytest.mark.parametrize("level", ["series", "instance"])
def test_a_part_of_a_study_is_gone_and_the_rest_is_not(client, events, level):
    keys = new_study(series=2, instances=2)
    parts = instances_of(keys)
    client.stow(parts)
    client.wait_for_revision(keys[0], 1)
    part = {"series": keys[:2], "instance": keys[:1]}[level]
    rest = {key.sop_instance_uid for key in keys if key not in part}

    assert client.delete(keys[0], below_study=below_study(keys[0], level)).status_code == NO_CONTENT

    assert found_instances(client, keys[0]) == metadata_instances(client, keys[0]) == rest
    assert [client.instance_bytes(key) is None for key in keys] == [key in part for key in keys]
    assert client.delete(keys[0], below_study=below_study(keys[0], level)).status_code == NOT_FOUND
    revision = client.wait_for_revision(keys[0], 2)
    assert revision["instances"] == len(rest)
    assert {entry["instance"] for entry in revision["deletions"]} == {key.sop_instance_uid for key in part}
    revised = eventually("Study Revised", lambda: events.of(keys[0], "Study Revised")[1:])
    assert revised[0]["deletions"] == len(part)
    assert not events.of(keys[0], "Study Deleted")
    eventually("each Instance Deleted", lambda: len(events.of(keys[0], "Instance Deleted")) >= len(part))
    eventually(
        "the ImagingStudy brought up to date",
        lambda: [study for study in client.imaging_studies(keys[0]) if study["numberOfInstances"] == len(rest)],
    )
    assert found_instances(client, keys[0]) == metadata_instances(client, keys[0]) == rest


def test_what_was_stored_a_moment_ago_is_deleted_while_it_is_being_indexed(client, events):
    keys = new_study(series=2, instances=20)
    for start in range(0, len(keys), 10):
        client.stow(instances_of(keys[start : start + 10]))

    assert client.delete(keys[0]).status_code == NO_CONTENT

    until = time.monotonic() + 5
    while time.monotonic() < until:
        assert not found_instances(client, keys[0])
        assert not metadata_instances(client, keys[0])
        assert not is_listed(client, keys[0])
        assert client.instance_bytes(keys[-1]) is None
    # A later store is not held up by what is still hidden, and the numbering goes on.
    again = instances_of(keys[:1], StudyDescription="Stored again")
    assert client.stow(again).status_code == OK
    eventually("there again", lambda: client.instance_bytes(keys[0]) == again[0])
    last = eventually(
        "its revision", lambda: [one for one in client.revisions(keys[0]) if one["instances"] == 1 and one["series"]]
    )[-1]
    assert last["revision"] == len(client.revisions(keys[0]))
    assert found_instances(client, keys[0]) == {keys[0].sop_instance_uid}


def test_a_study_too_large_for_one_request_is_gone_at_once_and_deleted_after_that(client):
    # Given a study with more instances than a request deletes, stored by one
    keys = new_study(instances=1_010)
    parts = instances_of(keys)
    address, body = f"{client.system.dicomweb()}/studies", in_pieces(body_of(parts))
    answer = client.http.post(address, headers=MULTIPART, content=body, timeout=300)
    assert (answer.status_code, len(answer.json()["00081199"]["Value"])) == (OK, len(parts))
    assert client.stow(parts[:1]).status_code == OK  # and again, by the other way
    client.wait_for_revision(keys[0], 1)

    # When it is deleted
    assert client.delete(keys[0]).status_code == NO_CONTENT

    # Then it is gone from the very next requests, and deleting it again finds nothing.
    assert client.get(keys[0], "").status_code == client.get(keys[0], "/metadata").status_code == NOT_FOUND
    assert not is_listed(client, keys[0])
    assert client.delete(keys[0]).status_code == NOT_FOUND

    # What is stored of it from then on is told to come again, or stays; the rest is deleted by the stages,
    eventually("stored again", lambda: client.stow(parts[:1]).status_code == OK)
    last = eventually("revision 2", lambda: client.revisions(keys[0])[1:])[-1]
    assert len(last["deletions"]) >= len(keys) - 1
    assert eventually("there again", lambda: client.instance_bytes(keys[0])) == parts[0]
    assert eventually("found again", lambda: found_instances(client, keys[0])) == {keys[0].sop_instance_uid}
    assert versions(client, keys[1]) == (1, 1)

    # and nothing of the deletion is left.
    prefix = f"studies/{keys[0].study_instance_uid}/deleting.json"
    eventually(
        "the end of the deletion",
        lambda: "Contents" not in client.aws("s3").list_objects_v2(Bucket=client.bucket("main"), Prefix=prefix),
    )


def test_a_study_whose_only_instance_is_deleted_is_in_no_list(client):
    # Given a study of one instance that is found by its modality and its patient's name
    (key,) = new_study()
    client.stow(instances_of([key], PatientName=f"Only^{key.study_instance_uid[-12:]}"))
    client.wait_for_revision(key, 1)
    studies = f"{client.system.dicomweb(key.space)}/studies"
    name = {"PatientName": f"Only^{key.study_instance_uid[-12:]}"}
    assert client.http.get(studies, params=name).status_code == OK

    # When that instance is deleted
    assert client.delete(key, below_study=below_study(key, "instance")).status_code == NO_CONTENT

    # Then the next search does not find the study
    assert client.http.get(studies, params=name).status_code == NO_CONTENT
    assert not is_listed(client, key)
