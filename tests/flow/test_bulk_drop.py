"""Objects dropped under incoming/ go the same way; what cannot be stored is set aside and blocks nothing."""

from uuid import uuid4

import pytest

from tests.flow.client import eventually, instances_of, new_study

NAMES = {
    "blanks and signs": "{} Erika + 50 % = ?versionId=1&x#y",
    "as in a URL": "{}%20%2B%00+",
    "any letters": "{}/Ünïcödé/日本語/😀",
    "control characters": "{}\x01\t\x7f",
    "dots and slashes": "{}/../..//./a",
    "quotes": "{}\"'<>\\{{}}^|~`",
    "any depth": "{}" + "/a" * 400,
    "any length": "{}" + "x" * (1024 - len("incoming/bad") - 42),
}


@pytest.fixture
def patient():
    """A name that no log may have."""
    return f"Mustermann{uuid4().hex}"


def everything_logged(client):
    """What the processes of the run have written, to CloudWatch or to files."""
    logs = client.aws("logs")
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
            yield from (event["message"] for found in pages for event in found["events"])
    for path in client.system.state_dir.rglob("*.log"):
        yield path.read_text(errors="replace")
    yield client.system.output.read_text(errors="replace")


def keys_in(client, prefix):
    listed = client.aws("s3").list_objects_v2(Bucket=client.bucket("main"), Prefix=prefix)
    return [entry["Key"] for entry in listed.get("Contents", [])]


def test_a_dropped_instance_is_stored_indexed_and_published_and_leaves_incoming(client):
    keys = new_study()
    (part10,) = instances_of(keys)
    drop = f"incoming/Ärzte + Söhne/{keys[0].sop_instance_uid}"

    client.aws("s3").put_object(Bucket=client.bucket("main"), Key=drop, Body=part10)

    client.wait_for_revision(keys[0], 1)
    assert client.instance_bytes(keys[0]) == part10
    eventually("incoming/ left", lambda: not keys_in(client, drop))
    eventually("published", lambda: client.imaging_studies(keys[0]))


def test_what_is_not_dicom_is_set_aside_with_a_reason(client):
    name = f"{new_study()[0].sop_instance_uid}/note.txt"
    client.aws("s3").put_object(Bucket=client.bucket("main"), Key=f"incoming/{name}", Body=b"Not an image." * 100)

    eventually("quarantine", lambda: keys_in(client, f"quarantine/{name}"))
    eventually("incoming/ left", lambda: not keys_in(client, f"incoming/{name}"))
    aside = client.aws("s3").head_object(Bucket=client.bucket("main"), Key=f"quarantine/{name}")
    assert "DICM" in aside["Metadata"]["reason"]


def test_poison_put_by_hand_under_an_instances_key_is_set_aside_and_blocks_nothing(client):
    poison, healthy = new_study()[0], new_study()
    client.aws("s3").put_object(Bucket=client.bucket("main"), Key=poison.object_key, Body=b"rubbish" * 1000)
    client.stow(instances_of(healthy))

    client.wait_for_revision(healthy[0], 1)
    eventually("quarantine", lambda: keys_in(client, f"quarantine/{poison.object_key}"))
    assert client.get(poison, "").status_code == 404


def test_any_key_is_taken_and_no_log_has_it(client, patient):
    keys, bad = new_study(instances=len(NAMES)), b"Not an image."
    drops = [f"incoming/{name.format(patient)}" for name in NAMES.values()]
    assert max(len(drop.encode()) for drop in drops) == 1024 - len("bad")
    s3, bucket = client.aws("s3"), client.bucket("main")
    for drop, part10 in zip(drops, instances_of(keys), strict=True):
        s3.put_object(Bucket=bucket, Key=drop, Body=part10)
        s3.put_object(Bucket=bucket, Key=f"{drop}bad", Body=bad)

    eventually("incoming/ left", lambda: not keys_in(client, f"incoming/{patient}"))

    history = eventually("all of them", lambda: [e for e in client.revisions(keys[0]) if e["instances"] == len(keys)])
    assert history
    assert len(keys_in(client, f"quarantine/{patient}")) == len(drops)
    for key in keys:
        assert len(s3.list_object_versions(Bucket=bucket, Prefix=key.object_key)["Versions"]) == 1
    logged = list(everything_logged(client))
    assert any("set aside" in text for text in logged)
    assert not [text for text in logged if patient in text or "Erika" in text]
