"""Calls of our processes are recorded as the permissions they need."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.local.embedded_aws.process import EmbeddedAws

TABLE_ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/rows"
OBJECT_ARN = "arn:aws:s3:::bucket/studies/1.dcm"
QUEUE_ADDRESS = "http://localhost/000000000000/finalize"

# What a process does, and what AWS would ask its policies. The calls themselves need not succeed.
CALLS: list[tuple[str, Callable[[Any], object], list[tuple[str, str]]]] = [
    ("s3", lambda s3: s3.get_object(Bucket="bucket", Key="studies/1.dcm"), [("s3:GetObject", OBJECT_ARN)]),
    ("s3", lambda s3: s3.head_object(Bucket="bucket", Key="studies/1.dcm"), [("s3:GetObject", OBJECT_ARN)]),
    (
        "s3",
        lambda s3: s3.get_object(Bucket="bucket", Key="studies/1.dcm", VersionId="v"),
        [("s3:GetObjectVersion", OBJECT_ARN)],
    ),
    ("s3", lambda s3: s3.put_object(Bucket="bucket", Key="studies/1.dcm", Body=b""), [("s3:PutObject", OBJECT_ARN)]),
    ("s3", lambda s3: s3.delete_object(Bucket="bucket", Key="studies/1.dcm"), [("s3:DeleteObject", OBJECT_ARN)]),
    (
        "s3",
        lambda s3: s3.copy_object(Bucket="bucket", Key="studies/1.dcm", CopySource="bucket/incoming/1"),
        [("s3:GetObject", "arn:aws:s3:::bucket/incoming/1"), ("s3:PutObject", OBJECT_ARN)],
    ),
    ("s3", lambda s3: s3.list_objects_v2(Bucket="bucket"), [("s3:ListBucket", "arn:aws:s3:::bucket")]),
    ("s3", lambda s3: s3.list_object_versions(Bucket="bucket"), [("s3:ListBucketVersions", "arn:aws:s3:::bucket")]),
    ("dynamodb", lambda db: db.get_item(TableName="rows", Key={"pk": {"S": "a"}}), [("dynamodb:GetItem", TABLE_ARN)]),
    (
        "dynamodb",
        lambda db: db.query(TableName="rows", IndexName="by_uid", KeyConditionExpression="a = b"),
        [("dynamodb:Query", f"{TABLE_ARN}/index/by_uid")],
    ),
    (
        "dynamodb",
        lambda db: db.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": "rows", "Item": {"pk": {"S": "a"}}}},
                {"Update": {"TableName": "rows", "Key": {"pk": {"S": "b"}}, "UpdateExpression": "SET c = d"}},
                {"Delete": {"TableName": "rows", "Key": {"pk": {"S": "c"}}}},
                {"ConditionCheck": {"TableName": "rows", "Key": {"pk": {"S": "d"}}, "ConditionExpression": "e = f"}},
            ]
        ),
        [
            ("dynamodb:ConditionCheckItem", TABLE_ARN),
            ("dynamodb:DeleteItem", TABLE_ARN),
            ("dynamodb:PutItem", TABLE_ARN),
            ("dynamodb:UpdateItem", TABLE_ARN),
        ],
    ),
    (
        "s3",
        lambda s3: s3.create_multipart_upload(Bucket="images", Key="studies/1/b.dcm"),
        [("s3:PutObject", "arn:aws:s3:::images/studies/1/b.dcm")],
    ),
    (
        "s3",
        lambda s3: s3.upload_part(Bucket="images", Key="studies/1/b.dcm", UploadId="u", PartNumber=1, Body=b"x"),
        [("s3:PutObject", "arn:aws:s3:::images/studies/1/b.dcm")],
    ),
    (
        "s3",
        lambda s3: s3.complete_multipart_upload(Bucket="images", Key="studies/1/b.dcm", UploadId="u"),
        [("s3:PutObject", "arn:aws:s3:::images/studies/1/b.dcm")],
    ),
    (
        "s3",
        lambda s3: s3.abort_multipart_upload(Bucket="images", Key="studies/1/b.dcm", UploadId="u"),
        [("s3:AbortMultipartUpload", "arn:aws:s3:::images/studies/1/b.dcm")],
    ),
    (
        "dynamodb",
        lambda db: db.batch_write_item(RequestItems={"rows": [{"DeleteRequest": {"Key": {"pk": {"S": "a"}}}}]}),
        [("dynamodb:BatchWriteItem", TABLE_ARN)],
    ),
    (
        "dynamodb",
        lambda db: db.batch_get_item(RequestItems={"rows": {"Keys": [{"pk": {"S": "a"}}]}}),
        [("dynamodb:BatchGetItem", TABLE_ARN)],
    ),
    (
        "events",
        lambda events: events.put_events(
            Entries=[{"EventBusName": "bus", "Source": "imaging", "DetailType": "Study Revised", "Detail": "{}"}]
        ),
        [("events:PutEvents", "arn:aws:events:us-east-1:000000000000:event-bus/bus")],
    ),
    (
        "stepfunctions",
        lambda states: states.start_execution(
            stateMachineArn="arn:aws:states:us-east-1:000000000000:stateMachine:timer", name="a"
        ),
        [("states:StartExecution", "arn:aws:states:us-east-1:000000000000:stateMachine:timer")],
    ),
    (
        "sqs",
        lambda sqs: sqs.send_message(QueueUrl=QUEUE_ADDRESS, MessageBody="{}"),
        [("sqs:SendMessage", "arn:aws:sqs:us-east-1:000000000000:finalize")],
    ),
    (
        "sqs",
        lambda sqs: sqs.send_message_batch(QueueUrl=QUEUE_ADDRESS, Entries=[{"Id": "1", "MessageBody": "{}"}]),
        [("sqs:SendMessage", "arn:aws:sqs:us-east-1:000000000000:finalize")],
    ),
    (
        "secretsmanager",
        lambda secrets: secrets.get_secret_value(SecretId="arn:aws:secretsmanager:us-east-1:000000000000:secret:token"),
        [("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:000000000000:secret:token")],
    ),
]


def test_every_call_is_recorded_with_its_process_and_the_permissions_it_needs(
    own_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (own_aws.client_environment | {"AWS_SDK_UA_APP_ID": "imaging-store_instance"}).items():
        monkeypatch.setenv(name, value)
    clients: dict[str, Any] = {}
    for service, call, _ in CALLS:
        if service not in clients:
            clients[service] = boto3.session.Session().client(service)  # type: ignore[call-overload]
        with suppress(ClientError):
            call(clients[service])
    monkeypatch.delenv("AWS_SDK_UA_APP_ID")
    with suppress(ClientError):  # nobody of ours
        boto3.session.Session().client("s3").list_buckets()
    assert own_aws.record_calls is not None
    recorded = [json.loads(line) for line in own_aws.record_calls.read_text().splitlines()]
    assert {line["process"] for line in recorded} == {"store_instance"}
    assert [list(zip(line["actions"], line["resources"], strict=True)) for line in recorded] == [
        permissions for _, _, permissions in CALLS
    ]
