"""A study of 20,000 instances is deleted within one request; takes many minutes, nearly all of them to store it."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from imaging.model.identifiers import InstanceKey
from tests.flow.client import eventually, instances_of, new_study
from tests.instances import stored_metadata

SERIES = 20
INSTANCES = 20_000
API_GATEWAY_SECONDS = 29


@pytest.mark.timeout(3_600)
def test_a_study_of_20000_instances_is_gone_within_one_request(client, record_property):
    # Given a study of 20,000 instances with its first revision
    keys = large_study()
    store(client, keys)
    revision = eventually("revision 1", lambda: client.revisions(keys[0]), seconds=2_400)[-1]
    assert (revision["series"], revision["instances"]) == (SERIES, INSTANCES)

    # When it is deleted
    began = time.monotonic()
    answer = client.delete(keys[0])
    took = time.monotonic() - began
    record_property("delete_seconds", took)
    print(f"DELETE of {INSTANCES} instances took {took:.1f} s")

    # Then that fits into the time of one request, and nothing of it is found in the next ones.
    assert answer.status_code == 204
    assert took < API_GATEWAY_SECONDS
    for path in ("", "/metadata", f"/series/{keys[-1].series_instance_uid}"):
        began = time.monotonic()
        assert client.get(keys[0], path).status_code == 404
        print(f"404 after {time.monotonic() - began:.2f} s")
    assert client.get(keys[0], "/instances").status_code == client.get(keys[0], "/series").status_code == 204
    assert client.instance_bytes(keys[0]) is None

    # What is stored meanwhile is told to come again until the deletion is through with it, and survives,
    again = instances_of(keys[:1], StudyDescription="Stored again")
    eventually("stored again", lambda: client.stow(again).status_code == 200, seconds=1_200)
    eventually("there again", lambda: client.instance_bytes(keys[0]) == again[0], seconds=1_200)

    # and when the queue is through, a revision tells of the rest.
    revision = eventually("revision 2", lambda: client.revisions(keys[0])[1:], seconds=2_400)[0]
    assert len(revision["deletions"]) >= INSTANCES - 1


def large_study() -> list[InstanceKey]:
    """Keys whose UIDs have one length, so that one file can be made into another by putting them in place."""
    study = new_study()[0].study_instance_uid
    return [
        InstanceKey("main", study, f"{study}.{series}", f"{study}.{series}.{instance}")
        for series in range(100, 100 + SERIES)
        for instance in range(10_000, 10_000 + INSTANCES // SERIES)
    ]


def store(client, keys: list[InstanceKey]) -> None:
    """Put the objects as a door does, without the door: small ones, alike but for their UIDs."""
    s3, bucket = client.aws("s3"), client.bucket(keys[0].space)
    (template,) = instances_of(keys[:1])
    series, instance = keys[0].series_instance_uid.encode(), keys[0].sop_instance_uid.encode()

    def put(key: InstanceKey) -> None:
        # the instance's UID begins with that of the series, and so is put in place first
        part10 = template.replace(instance, key.sop_instance_uid.encode())
        part10 = part10.replace(series, key.series_instance_uid.encode())
        s3.put_object(
            Bucket=bucket, Key=key.object_key, Body=part10, Metadata=stored_metadata(part10, datetime.now(UTC))
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, keys))
