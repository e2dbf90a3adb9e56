"""What this project rests on in S3 is so on the embedded AWS."""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.embedded_aws.clients import client
from infra.local.embedded_aws.process import ACCOUNT, REGION, EmbeddedAws
from tests.infra.local.functions_for_tests import wait_until

KEY = "studies/1/a.dcm"


@pytest.fixture
def s3(embedded_aws: EmbeddedAws) -> Any:
    return client("s3", embedded_aws.endpoint_url)


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"bucket-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    response = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def test_a_taken_key_is_not_put_if_absent(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"one", IfNoneMatch="*")
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key=KEY, Body=b"two", IfNoneMatch="*")
    assert refusal(error) == (412, "PreconditionFailed")


def test_a_deleted_key_is_put_if_absent(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"one")
    s3.delete_object(Bucket=bucket, Key=KEY)
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"two", IfNoneMatch="*")
    assert s3.get_object(Bucket=bucket, Key=KEY)["Body"].read() == b"two"


def test_a_version_is_put_over_the_one_with_the_etag_only(s3: Any, bucket: str) -> None:
    first = s3.put_object(Bucket=bucket, Key=KEY, Body=b"one")["ETag"]
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"two", IfMatch=first)
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key=KEY, Body=b"three", IfMatch=first)
    assert refusal(error) == (412, "PreconditionFailed")
    s3.delete_object(Bucket=bucket, Key=KEY)
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key=KEY, Body=b"three", IfMatch=first)
    assert refusal(error) == (404, "NoSuchKey")


def test_versions_and_delete_markers_are_listed_page_by_page(s3: Any, bucket: str) -> None:
    for number in range(3):
        s3.put_object(Bucket=bucket, Key=f"studies/{number}", Body=b"one")
        s3.put_object(Bucket=bucket, Key=f"studies/{number}", Body=b"two")
    s3.delete_object(Bucket=bucket, Key="studies/1")
    pages = s3.get_paginator("list_object_versions").paginate(
        Bucket=bucket, Prefix="studies/", PaginationConfig={"PageSize": 2}
    )
    latest = {
        entry["Key"]: kind
        for page in pages
        for kind in ("Versions", "DeleteMarkers")
        for entry in page.get(kind, [])
        if entry["IsLatest"]
    }
    assert latest == {"studies/0": "Versions", "studies/1": "DeleteMarkers", "studies/2": "Versions"}


def test_a_queue_hears_of_puts_and_deletes_below_its_prefix(embedded_aws: EmbeddedAws, s3: Any, bucket: str) -> None:
    sqs = client("sqs", embedded_aws.endpoint_url)
    queue = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={
            "QueueConfigurations": [
                {
                    "QueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{bucket}",
                    "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
                    "Filter": {
                        "Key": {
                            "FilterRules": [
                                {"Name": "prefix", "Value": "studies/"},
                                {"Name": "suffix", "Value": ".dcm"},
                            ]
                        }
                    },
                }
            ]
        },
    )
    version = s3.put_object(Bucket=bucket, Key=KEY, Body=b"one")["VersionId"]
    s3.put_object(Bucket=bucket, Key="studies/1/a.json.gz", Body=b"one")
    s3.put_object(Bucket=bucket, Key="incoming/a.dcm", Body=b"one")
    marker = s3.delete_object(Bucket=bucket, Key=KEY)["VersionId"]
    heard: list[tuple[str, str, str]] = []

    def has_heard_of_both() -> bool:
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            for record in json.loads(message["Body"]).get("Records", []):  # the test event of S3 has none
                entry = record["s3"]["object"]
                heard.append((record["eventName"], entry["key"], entry["versionId"]))
        return len(heard) >= 2

    wait_until(has_heard_of_both)
    assert sorted(heard) == [
        ("ObjectCreated:Put", KEY, version),
        ("ObjectRemoved:DeleteMarkerCreated", KEY, marker),
    ]
