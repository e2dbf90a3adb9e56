"""An object that was put straight under an instance's key is that instance, whichever door brings it again."""

import pytest

from tests.flow.client import eventually, instances_of, new_study


def by_stow_rs(client, part10):
    assert client.stow([part10]).status_code == 200


def by_c_store(client, part10):
    assert client.c_store([part10]) == [0x0000]


def by_drop(client, part10):
    s3, bucket, drop = client.aws("s3"), client.bucket("main"), f"incoming/{new_study()[0].sop_instance_uid}"
    s3.put_object(Bucket=bucket, Key=drop, Body=part10)
    eventually("incoming/ left", lambda: "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix=drop))


@pytest.mark.parametrize("send", [by_stow_rs, by_c_store, by_drop])
def test_it_is_indexed_and_the_same_instance_changes_nothing(client, send):
    (key,) = keys = new_study()
    (part10,) = instances_of(keys)
    s3, bucket = client.aws("s3"), client.bucket("main")
    version = s3.put_object(Bucket=bucket, Key=key.object_key, Body=part10)["VersionId"]
    client.wait_for_revision(key, 1)

    send(client, part10)

    assert s3.head_object(Bucket=bucket, Key=key.object_key)["VersionId"] == version
    assert client.instance_bytes(key) == part10
