"""What was answered outlives a crash of the embedded AWS."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.embedded_aws.clients import client
from infra.local.embedded_aws.object_repair import repair
from infra.local.embedded_aws.process import EmbeddedAws

TABLE = "rows"
BUCKET = "objects"


def make_table(aws: EmbeddedAws) -> Any:
    dynamodb = client("dynamodb", aws.endpoint_url)
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "colour")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_colour",
                "KeySchema": [{"AttributeName": "colour", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        BillingMode="PAY_PER_REQUEST",
    )
    aws.snapshot()  # as after a deployment
    return dynamodb


def row(sort_key: str, **attributes: str) -> dict[str, Any]:
    return {name: {"S": value} for name, value in {"pk": "p", "sk": sort_key, **attributes}.items()}


def crash(aws: EmbeddedAws) -> None:
    aws.kill()
    aws.start()
    aws.wait_ready()


def sort_keys(items: list[dict[str, Any]]) -> list[str]:
    return sorted(item["sk"]["S"] for item in items)


def test_rows_and_indexes_survive(own_aws: EmbeddedAws) -> None:
    dynamodb = make_table(own_aws)
    dynamodb.put_item(TableName=TABLE, Item=row("1", colour="red"))
    dynamodb.put_item(TableName=TABLE, Item=row("2", colour="red"))
    dynamodb.update_item(
        TableName=TABLE,
        Key=row("2"),
        UpdateExpression="SET colour = :c",
        ExpressionAttributeValues={":c": {"S": "blue"}},
    )
    dynamodb.put_item(TableName=TABLE, Item=row("3"))
    dynamodb.delete_item(TableName=TABLE, Key=row("3"))
    dynamodb.transact_write_items(
        TransactItems=[{"Put": {"TableName": TABLE, "Item": row(key, colour="red")}} for key in ("4", "5")]
    )
    crash(own_aws)
    assert sort_keys(dynamodb.scan(TableName=TABLE)["Items"]) == ["1", "2", "4", "5"]
    red = dynamodb.query(
        TableName=TABLE,
        IndexName="by_colour",
        KeyConditionExpression="colour = :c",
        ExpressionAttributeValues={":c": {"S": "red"}},
    )
    assert sort_keys(red["Items"]) == ["1", "4", "5"]
    assert dynamodb.describe_table(TableName=TABLE)["Table"]["ItemCount"] == 4


def test_no_transaction_is_halved_or_lost_at_any_moment(own_aws: EmbeddedAws) -> None:
    dynamodb = make_table(own_aws)
    acknowledged = write_until_the_crash(
        own_aws,
        lambda number: dynamodb.transact_write_items(
            TransactItems=[{"Put": {"TableName": TABLE, "Item": row(f"{number}{half}")}} for half in ("a", "b")]
        ),
    )
    found = {item["sk"]["S"] for item in client("dynamodb", own_aws.endpoint_url).scan(TableName=TABLE)["Items"]}
    assert {f"{number}{half}" for number in acknowledged for half in "ab"} <= found
    assert {key[:-1] for key in found if key.endswith("a")} == {key[:-1] for key in found if key.endswith("b")}


def test_a_deleted_table_comes_back_empty(own_aws: EmbeddedAws) -> None:
    dynamodb = make_table(own_aws)
    dynamodb.put_item(TableName=TABLE, Item=row("1"))
    dynamodb.delete_table(TableName=TABLE)
    make_table(own_aws)
    crash(own_aws)
    assert dynamodb.scan(TableName=TABLE)["Items"] == []


def test_object_versions_and_delete_markers_survive(own_aws: EmbeddedAws) -> None:
    s3 = make_bucket(own_aws)
    first = s3.put_object(Bucket=BUCKET, Key="a/b", Body=b"first", Metadata={"door": "stow"})["VersionId"]
    s3.put_object(Bucket=BUCKET, Key="a/b", Body=b"second")
    s3.put_object(Bucket=BUCKET, Key="gone", Body=b"third")
    s3.delete_object(Bucket=BUCKET, Key="gone")
    crash(own_aws)
    assert s3.get_object(Bucket=BUCKET, Key="a/b")["Body"].read() == b"second"
    earlier = s3.get_object(Bucket=BUCKET, Key="a/b", VersionId=first)
    assert (earlier["Body"].read(), earlier["Metadata"]) == (b"first", {"door": "stow"})
    listing = s3.list_object_versions(Bucket=BUCKET)
    assert [marker["Key"] for marker in listing["DeleteMarkers"] if marker["IsLatest"]] == ["gone"]


def test_no_object_is_torn_or_lost_at_any_moment(own_aws: EmbeddedAws) -> None:
    s3 = make_bucket(own_aws)
    acknowledged = write_until_the_crash(
        own_aws, lambda number: s3.put_object(Bucket=BUCKET, Key="k", Body=number.encode(), ChecksumAlgorithm="SHA256")
    )
    stored = s3.get_object(Bucket=BUCKET, Key="k", ChecksumMode="ENABLED")["Body"].read().decode()
    assert int(stored) >= int(acknowledged[-1])


def test_a_message_that_was_being_handled_is_handed_out_again(own_aws: EmbeddedAws) -> None:
    sqs = client("sqs", own_aws.endpoint_url)
    address = sqs.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "900"})["QueueUrl"]
    sqs.send_message(QueueUrl=address, MessageBody="study")
    assert sqs.receive_message(QueueUrl=address)["Messages"]
    own_aws.snapshot()
    crash(own_aws)
    assert [message["Body"] for message in sqs.receive_message(QueueUrl=address)["Messages"]] == ["study"]


def test_a_clean_stop_saves_everything(own_aws: EmbeddedAws) -> None:
    make_bucket(own_aws)
    secrets = client("secretsmanager", own_aws.endpoint_url)
    secrets.create_secret(Name="token", SecretString="quiet")
    own_aws.stop()
    own_aws.start()
    own_aws.wait_ready()
    assert secrets.get_secret_value(SecretId="token")["SecretString"] == "quiet"


def test_a_put_that_never_answered_is_undone(tmp_path: Path) -> None:
    folder = tmp_path / "000000000000" / BUCKET / "studies"
    kept = tmp_path / ".versions" / "000000000000" / BUCKET / "v1" / "studies" / "a.dcm"
    for name, content in {
        "a.dcm": "torn",
        "a.dcm.meta.json": '{"version_id": "v1", "size": 5}',
        "new.dcm": "never answered",
        "half.dcm.tmp": "never ans",
    }.items():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    kept.parent.mkdir(parents=True)
    kept.write_text("whole")
    os.utime(folder / "a.dcm.meta.json", (1, 1))
    assert repair(tmp_path) == 3
    assert sorted(file.name for file in folder.iterdir()) == ["a.dcm", "a.dcm.meta.json"]
    assert (folder / "a.dcm").read_text() == "whole"
    assert repair(tmp_path) == 0


def make_bucket(aws: EmbeddedAws) -> Any:
    s3 = client("s3", aws.endpoint_url)
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    aws.snapshot()
    return s3


def write_until_the_crash(aws: EmbeddedAws, write: Callable[[str], object]) -> list[str]:
    """Write numbers until the process is killed in the middle of it; those that were acknowledged."""
    acknowledged: list[str] = []

    def writer() -> None:
        for number in range(100_000, 200_000):
            try:
                write(str(number))
            except (BotoCoreError, ClientError):
                return
            acknowledged.append(str(number))

    thread = threading.Thread(target=writer)
    thread.start()
    while len(acknowledged) < 50 and thread.is_alive():
        thread.join(0.01)
    aws.kill()
    thread.join()
    aws.start()
    aws.wait_ready()
    return acknowledged


@pytest.fixture(autouse=True)
def quick_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
