"""Objects of any size on the embedded AWS: uploads in parts, and ranges of a version."""

import base64
import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.local.embedded_aws.clients import client
from infra.local.embedded_aws.process import ACCOUNT, REGION, EmbeddedAws
from tests.infra.local.functions_for_tests import wait_until

KEY = "studies/1/a.dcm"
PART_BYTES = 5 * 1024 * 1024
PARTS = [bytes([number]) * PART_BYTES for number in (1, 2)] + [b"the last may be short"]
WHOLE = b"".join(PARTS)


def sha256(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


@pytest.fixture
def s3(embedded_aws: EmbeddedAws) -> Any:
    return client("s3", embedded_aws.endpoint_url)


@pytest.fixture
def bucket(s3: Any) -> str:
    return made_bucket(s3)


def made_bucket(s3: Any) -> str:
    name = f"bucket-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def begin(s3: Any, bucket: str, key: str = KEY) -> dict[str, str]:
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, ChecksumAlgorithm="SHA256", Metadata={"door": "stow"})
    return {"Bucket": bucket, "Key": key, "UploadId": upload["UploadId"]}


def send(s3: Any, upload: dict[str, str], parts: list[bytes]) -> list[dict[str, Any]]:
    return [
        {
            "PartNumber": number,
            "ETag": s3.upload_part(**upload, PartNumber=number, Body=part, ChecksumSHA256=sha256(part))["ETag"],
            "ChecksumSHA256": sha256(part),
        }
        for number, part in enumerate(parts, 1)
    ]


def put_in_parts(s3: Any, bucket: str, parts: list[bytes] | None = None, **conditions: str) -> dict[str, Any]:
    upload = begin(s3, bucket)
    sent = send(s3, upload, PARTS if parts is None else parts)
    done: dict[str, Any] = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": sent}, **conditions)
    return done


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    response = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def test_the_parts_become_one_object_with_the_metadata_of_the_upload(s3: Any, bucket: str) -> None:
    done = put_in_parts(s3, bucket)

    found = s3.get_object(Bucket=bucket, Key=KEY)
    assert found["Body"].read() == WHOLE
    assert (found["VersionId"], found["ETag"], found["Metadata"]) == (done["VersionId"], done["ETag"], {"door": "stow"})
    digests = b"".join(hashlib.sha256(part).digest() for part in PARTS)
    assert done["ChecksumSHA256"] == f"{sha256(digests)}-3"


def test_a_part_that_came_over_damaged_is_refused(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    s3 = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))  # others would send it five times
    with pytest.raises(ClientError) as error:
        s3.upload_part(**upload, PartNumber=1, Body=b"damaged", ChecksumSHA256=sha256(b"sent"))
    assert refusal(error) == (400, "BadDigest")


def test_parts_are_completed_only_as_they_were_sent(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    [sent] = send(s3, upload, [b"one"])
    with pytest.raises(ClientError) as error:
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [sent | {"ChecksumSHA256": sha256(b"other")}]})
    assert refusal(error) == (400, "InvalidPart")


def test_parts_become_an_object_only_if_the_key_is_free(s3: Any, bucket: str) -> None:
    first = put_in_parts(s3, bucket, [b"one"], IfNoneMatch="*")
    with pytest.raises(ClientError) as error:
        put_in_parts(s3, bucket, [b"two"], IfNoneMatch="*")
    assert refusal(error) == (412, "PreconditionFailed")
    assert put_in_parts(s3, bucket, [b"two"], IfMatch=first["ETag"])["VersionId"] != first["VersionId"]
    with pytest.raises(ClientError) as error:
        put_in_parts(s3, bucket, [b"three"], IfMatch=first["ETag"])
    assert refusal(error) == (412, "PreconditionFailed")
    assert s3.get_object(Bucket=bucket, Key=KEY)["Body"].read() == b"two"


def test_an_aborted_upload_leaves_nothing(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    sent = send(s3, upload, [b"one"])
    s3.abort_multipart_upload(**upload)
    with pytest.raises(ClientError) as error:
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": sent})
    assert refusal(error) == (404, "NoSuchUpload")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_queue_hears_of_the_completion(embedded_aws: EmbeddedAws, s3: Any, bucket: str) -> None:
    sqs = client("sqs", embedded_aws.endpoint_url)
    queue = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{bucket}"
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]},
    )
    done = put_in_parts(s3, bucket, [b"one"])
    heard: list[dict[str, Any]] = []

    def has_heard() -> bool:
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            heard.extend(json.loads(message["Body"]).get("Records", []))
        return bool(heard)

    wait_until(has_heard)
    [record] = heard
    assert record["eventName"] == "ObjectCreated:CompleteMultipartUpload"
    assert record["s3"]["object"]["key"] == KEY
    assert record["s3"]["object"]["versionId"] == done["VersionId"]
    assert record["s3"]["object"]["size"] == 3


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-9", 0, 9),
        (f"bytes={PART_BYTES - 2}-{PART_BYTES + 1}", PART_BYTES - 2, PART_BYTES + 1),
        ("bytes=-5", len(WHOLE) - 5, len(WHOLE) - 1),
        ("bytes=100-99999999", 100, len(WHOLE) - 1),
    ],
)
def test_a_range_of_a_version_is_that_range_whatever_became_of_the_object(
    s3: Any, bucket: str, asked: str, first: int, last: int
) -> None:
    version = put_in_parts(s3, bucket)["VersionId"]
    after: list[Any] = [
        lambda: None,
        lambda: s3.put_object(Bucket=bucket, Key=KEY, Body=b"other"),
        lambda: s3.delete_object(Bucket=bucket, Key=KEY),
    ]
    for step in after:
        step()
        found = s3.get_object(Bucket=bucket, Key=KEY, VersionId=version, Range=asked)
        assert found["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert found["ContentRange"] == f"bytes {first}-{last}/{len(WHOLE)}"
        assert found["VersionId"] == version
        assert found["Body"].read() == WHOLE[first : last + 1]


def test_a_range_beyond_the_end_is_refused(s3: Any, bucket: str) -> None:
    version = put_in_parts(s3, bucket, [b"one"])["VersionId"]
    for which in ({}, {"VersionId": version}):
        with pytest.raises(ClientError) as error:
            s3.get_object(Bucket=bucket, Key=KEY, Range="bytes=3-", **which)
        assert refusal(error) == (416, "InvalidRange")


def test_a_range_of_what_is_not_there_is_not_found(s3: Any, bucket: str) -> None:
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key=KEY, Range="bytes=0-9")
    assert refusal(error) == (404, "NoSuchKey")
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key=KEY, Range="bytes=0-9", VersionId="none")
    assert refusal(error) == (404, "NoSuchVersion")


def test_a_range_keeps_its_conditions(s3: Any, bucket: str) -> None:
    put_in_parts(s3, bucket, [b"one"])
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key=KEY, Range="bytes=0-1", IfMatch='"other"')
    assert refusal(error) == (412, "PreconditionFailed")


def test_an_older_version_is_there_again_when_what_came_after_it_is_gone(s3: Any, bucket: str) -> None:
    put_in_parts(s3, bucket)
    marker = s3.delete_object(Bucket=bucket, Key=KEY)["VersionId"]
    s3.delete_object(Bucket=bucket, Key=KEY, VersionId=marker)
    assert s3.get_object(Bucket=bucket, Key=KEY)["Body"].read() == WHOLE
    newer = s3.put_object(Bucket=bucket, Key=KEY, Body=b"other")["VersionId"]
    s3.delete_object(Bucket=bucket, Key=KEY, VersionId=newer)
    assert s3.get_object(Bucket=bucket, Key=KEY)["Body"].read() == WHOLE


def test_versions_survive_a_crash_and_an_unfinished_upload_does_not(own_aws: EmbeddedAws) -> None:
    s3 = client("s3", own_aws.endpoint_url)
    bucket = made_bucket(s3)
    version = put_in_parts(s3, bucket)["VersionId"]
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"other")
    upload = begin(s3, bucket, "studies/1/b.dcm")
    sent = send(s3, upload, PARTS)

    own_aws.kill()
    own_aws.start()
    own_aws.wait_ready()

    assert s3.get_object(Bucket=bucket, Key=KEY)["Body"].read() == b"other"
    assert s3.get_object(Bucket=bucket, Key=KEY, VersionId=version)["Body"].read() == WHOLE
    found = s3.get_object(Bucket=bucket, Key=KEY, VersionId=version, Range="bytes=0-3")["Body"].read()
    assert found == WHOLE[:4]
    with pytest.raises(ClientError) as error:
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": sent})
    assert refusal(error) == (404, "NoSuchUpload")
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [KEY]


def test_what_was_put_is_not_kept_in_memory(own_aws: EmbeddedAws) -> None:
    s3 = client("s3", own_aws.endpoint_url)
    bucket = made_bucket(s3)
    assert own_aws._child
    status = Path(f"/proc/{own_aws._child.pid}/status")

    def anonymous_mb() -> int:
        [line] = [line for line in status.read_text().splitlines() if line.startswith("RssAnon")]
        return int(line.split()[1]) // 1024

    if not status.exists():
        pytest.skip("Only Linux tells how much memory a process has.")
    before = anonymous_mb()
    for number in range(30):
        s3.put_object(Bucket=bucket, Key=f"studies/{number}", Body=PARTS[0] * 2)
    for _ in range(5):
        put_in_parts(s3, bucket)
    assert anonymous_mb() - before < 150  # of 350 MB
