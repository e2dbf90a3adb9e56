"""Objects dropped under incoming/ go the same way; what cannot be stored is set aside and blocks nothing."""

from tests.flow.client import eventually, instances_of, new_study


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
