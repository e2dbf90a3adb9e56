"""Puts of any size, on a bucket of the embedded AWS."""

import random
import uuid
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import boto3
import httpx
import pytest

from imaging.aws import clients, multipart_upload
from imaging.aws.multipart_upload import PART_BYTES
from imaging.aws.s3_objects import S3Objects
from imaging.errors import Unavailable
from imaging.ports.objects import CopyOf
from imaging.settings import OtherBytes, Space
from infra.local.embedded_aws.process import EmbeddedAws

KEY = "studies/1.2.1/series/1.2.2/instances/1.2.3.dcm"
LONG = random.Random(1).randbytes(2 * PART_BYTES + 4321)
SHORT = LONG[:100]


@pytest.fixture
def bucket(embedded_aws: EmbeddedAws) -> Iterator[str]:
    clients.made.cache_clear()
    name = f"space-{uuid.uuid4().hex}"
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    yield name
    clients.made.cache_clear()


@pytest.fixture
def objects(bucket: str) -> S3Objects:
    return S3Objects({"main": Space("main", bucket, "MAIN", OtherBytes.REPLACE, "")})


def put(objects: S3Objects, body: Any, **metadata: str) -> str | None:
    return objects.put_if_absent("main", KEY, body, metadata=metadata, content_type="application/dicom")


def test_lists_the_studies_that_have_objects_from_any_of_them_on(objects: S3Objects, bucket: str) -> None:
    s3 = boto3.client("s3")
    for key in ("studies/1.2/series/1/instances/1.dcm", "studies/1.2.1/x", "studies/1.10/x", "studies/1.3/x", "other"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    s3.delete_object(Bucket=bucket, Key="studies/1.3/x")
    assert list(objects.studies("main")) == ["1.10", "1.2.1", "1.2"]  # "." is before "/"
    assert list(objects.studies("main", "1.10")) == ["1.2.1", "1.2"]
    assert list(objects.studies("main", "1.2.1")) == ["1.2"]
    assert list(objects.studies("main", "1.2")) == []


def replace(objects: S3Objects, body: Any, etag: str) -> str | None:
    return objects.put_if_unchanged("main", KEY, body, etag=etag, metadata={}, content_type="application/dicom")


def uploads(bucket: str) -> list[Any]:
    return boto3.client("s3").list_multipart_uploads(Bucket=bucket).get("Uploads", [])


@pytest.mark.parametrize("content", [b"", SHORT, LONG[:PART_BYTES], LONG], ids=len)
def test_a_file_arrives_whole_with_its_metadata(objects: S3Objects, content: bytes) -> None:
    version_id = put(objects, BytesIO(content), door="stow-rs")
    found = objects.read("main", KEY)
    assert found
    stored, body = found
    assert body == content
    assert (stored.version_id, stored.size_bytes, stored.metadata) == (version_id, len(content), {"door": "stow-rs"})


@pytest.mark.parametrize("content", [SHORT, LONG], ids=["short", "long"])
def test_a_file_is_not_put_over_another(objects: S3Objects, bucket: str, content: bytes) -> None:
    assert put(objects, b"first")
    assert put(objects, BytesIO(content)) is None
    assert objects.read("main", KEY)[1] == b"first"
    assert uploads(bucket) == []


@pytest.mark.parametrize("content", [SHORT, LONG], ids=["short", "long"])
def test_a_file_is_put_over_the_version_that_was_seen_only(objects: S3Objects, bucket: str, content: bytes) -> None:
    put(objects, b"first")
    seen = objects.head("main", KEY)
    assert replace(objects, BytesIO(content), seen.etag)
    assert replace(objects, BytesIO(content), seen.etag) is None
    objects.delete("main", KEY)
    assert replace(objects, BytesIO(content), seen.etag) is None
    assert uploads(bucket) == []


def test_what_could_not_be_put_whole_is_aborted(objects: S3Objects, bucket: str) -> None:
    s3 = clients.client("s3")

    def refuse_the_second(params: dict[str, Any], **_: Any) -> None:
        if params["url"].find("partNumber=2") >= 0:
            params["headers"]["Content-MD5"] = "AAAAAAAAAAAAAAAAAAAAAA=="

    s3.meta.events.register("before-call.s3.UploadPart", refuse_the_second)
    with pytest.raises(Unavailable):
        put(objects, BytesIO(LONG))
    assert uploads(bucket) == []
    assert objects.head("main", KEY) is None


def copy(objects: S3Objects, source: str, version_id: str, size_bytes: int, after: bytes = b"") -> str | None:
    return put(objects, CopyOf("main", source, version_id, size_bytes, after), door="bulk-drop")


@pytest.mark.parametrize("after", [b"", b"DICM" * 33], ids=["as it is", "behind its beginning"])
@pytest.mark.parametrize("content", [b"", SHORT, LONG], ids=len)
def test_a_copy_has_the_bytes_of_that_version_and_metadata_of_its_own(
    objects: S3Objects, bucket: str, monkeypatch: pytest.MonkeyPatch, content: bytes, after: bytes
) -> None:
    monkeypatch.setattr(multipart_upload, "COPIED_PART_BYTES", 6 * 1024 * 1024)
    s3, source = boto3.client("s3"), "incoming/Ünï ?versionId=+%2F\x01.dcm"
    version_id = s3.put_object(Bucket=bucket, Key=source, Body=content, Metadata={"x": "y"}, Tagging="a=b")["VersionId"]
    s3.put_object(Bucket=bucket, Key=source, Body=b"a later version")

    copied = copy(objects, source, version_id, len(content), after)

    stored, body = objects.read("main", KEY)
    assert body == after + content
    assert (stored.version_id, stored.metadata) == (copied, {"door": "bulk-drop"})
    assert s3.get_object_tagging(Bucket=bucket, Key=KEY)["TagSet"] == []
    assert copy(objects, source, version_id, len(content), after) is None, "the key is taken"
    seen = CopyOf("main", source, version_id, len(content), after)
    assert replace(objects, seen, stored.etag)
    assert replace(objects, seen, '"another"') is None
    assert uploads(bucket) == []


def test_a_copy_whose_source_is_gone_is_not_made(objects: S3Objects, bucket: str) -> None:
    version_id = boto3.client("s3").put_object(Bucket=bucket, Key="incoming/a", Body=LONG)["VersionId"]
    objects.remove_version("main", "incoming/a", version_id)
    with pytest.raises(Unavailable):
        copy(objects, "incoming/a", version_id, len(LONG))
    put(objects, b"first")
    with pytest.raises(Unavailable):
        replace(objects, CopyOf("main", "incoming/a", version_id, len(LONG)), objects.head("main", KEY).etag)
    assert uploads(bucket) == []


def test_lists_every_version_the_latest_first(objects: S3Objects, bucket: str) -> None:
    s3 = boto3.client("s3")
    first = s3.put_object(Bucket=bucket, Key="studies/1/a", Body=b"1")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="studies/1/a")["VersionId"]
    second = s3.put_object(Bucket=bucket, Key="studies/1/a", Body=b"2")["VersionId"]
    other = s3.put_object(Bucket=bucket, Key="studies/2/a", Body=b"3")["VersionId"]
    listed = list(objects.all_versions("main", "studies/"))
    assert [(each.object_key, each.is_latest) for each in listed] == [
        ("studies/1/a", True),
        ("studies/1/a", False),
        ("studies/1/a", False),
        ("studies/2/a", True),
    ]
    assert listed[0].version_id == second
    assert {(each.version_id, each.is_delete_marker) for each in listed[1:3]} == {(first, False), (marker, True)}
    assert [each.version_id for each in objects.all_versions("main", "studies/", "studies/1/~")] == [other]
    assert objects.has_versions("main", "studies/2/")
    assert not objects.has_versions("main", "studies/3/")
    objects.delete("main", "studies/2/a")
    assert objects.has_versions("main", "studies/2/")


def test_a_signed_address_is_of_one_version_and_asks_that_no_cache_keeps_it(objects: S3Objects, bucket: str) -> None:
    first = put(objects, BytesIO(SHORT))
    assert first
    boto3.client("s3").put_object(Bucket=bucket, Key=KEY, Body=b"later")
    address = objects.signed_address("main", KEY, first, "application/dicom", seconds=60)
    answer = httpx.get(address)
    assert (answer.content, answer.headers["content-type"]) == (SHORT, "application/dicom")
    # The embedded S3 takes this parameter and does not answer by it.
    assert httpx.URL(address).params["response-cache-control"] == "no-store"
