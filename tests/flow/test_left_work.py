"""Work that a crash or a lost record left is taken up by the sweeper, and nobody is too early."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from imaging.aws.rows import study_partition
from imaging.model.identifiers import InstanceKey
from imaging.pipeline.revision_archive import draft_key, revision_key
from tests.flow.client import Client, Subscription, eventually, instances_of, new_study


@pytest.fixture
def events(client: Client) -> Iterator[Subscription]:
    with client.subscribed() as subscription:
        yield subscription


@pytest.fixture
def silent_stream(client: Client) -> Iterator[None]:
    """Nobody hears what the manifest's stream says, as if its records had been lost."""
    functions = client.aws("lambda")
    mappings = functions.list_event_source_mappings()["EventSourceMappings"]
    (stream,) = [mapping["UUID"] for mapping in mappings if ":dynamodb:" in mapping["EventSourceArn"]]
    functions.update_event_source_mapping(UUID=stream, Enabled=False)
    yield
    functions.update_event_source_mapping(UUID=stream, Enabled=True)


def sweep(client: Client) -> dict[str, Any]:
    """Call the sweeper, with no grace for what was left."""
    functions = client.aws("lambda")
    (name,) = [
        function["FunctionName"]
        for page in functions.get_paginator("list_functions").paginate()
        for function in page["Functions"]
        if function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == "sweep"
    ]
    answer = functions.invoke(FunctionName=name, Payload=json.dumps({"grace_seconds": 0}))
    assert "FunctionError" not in answer
    return json.load(answer["Payload"])


def wake_finalizer(client: Client, key: InstanceKey) -> None:
    """Do what the study's timer does when it is due."""
    sqs = client.aws("sqs")
    (queue,) = [address for address in sqs.list_queues()["QueueUrls"] if "FinalizeStudyQueue" in address]
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"space": key.space, "study": key.study_instance_uid}))


def wait_until_indexed(client: Client, key: InstanceKey) -> None:
    eventually("indexed", lambda: client.instance_bytes(key))


def test_what_the_stream_did_not_tell_the_sweeper_tells(client, events, silent_stream):
    keys = new_study(instances=2)
    client.stow(instances_of(keys))
    wait_until_indexed(client, keys[0])

    eventually("a timer", lambda: sweep(client) and client.revisions(keys[0]))
    eventually("Study Revised", lambda: sweep(client) and events.of(keys[0], "Study Revised"))

    assert {event["instance"] for event in events.of(keys[0], "Instance Stored")} == {
        key.sop_instance_uid for key in keys
    }
    eventually("published", lambda: client.imaging_studies(keys[0]))


def test_a_revision_whose_finalizer_died_gets_its_final_key_before_it_is_told(client, events, silent_stream):
    # Given a committed revision that is still a draft
    (key,) = keys = new_study()
    client.stow(instances_of(keys))
    wait_until_indexed(client, key)
    wake_finalizer(client, key)
    client.wait_for_revision(key, 1)
    assert not events.of(key, "Study Revised")
    s3, bucket = client.aws("s3"), client.bucket("main")
    final, draft = revision_key(key.study, 1), draft_key(key.study, 1, claim_of_revision(client, key))
    kept = s3.get_object(Bucket=bucket, Key=final)["Body"].read()
    s3.put_object(Bucket=bucket, Key=draft, Body=kept)
    s3.delete_object(Bucket=bucket, Key=final)
    assert client.get(key, "/revisions/1").json()["revision"] == 1
    assert [entry["instances"] for entry in client.revisions(key)] == [1]  # the list is another process's

    # When the sweeper tells of it
    eventually("Study Revised", lambda: sweep(client) and events.of(key, "Study Revised"))

    # Then it is there under its final key, and the draft is gone
    assert s3.get_object(Bucket=bucket, Key=final)["Body"].read() == kept
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix=draft)


def claim_of_revision(client: Client, key: InstanceKey) -> str:
    row = client.aws("dynamodb").get_item(
        TableName=client.system.endpoints["aws"]["manifest_table"],
        Key={"pk": {"S": study_partition(key.study)}, "sk": {"S": "REVISION#00000001"}},
    )
    return row["Item"]["claim"]["S"]


def test_a_finalizer_that_is_woken_too_early_waits_again(client, events):
    (key,) = keys = new_study()
    client.stow(instances_of(keys))
    wait_until_indexed(client, key)

    wake_finalizer(client, key)

    client.wait_for_revision(key, 1)
    eventually("Study Revised", lambda: events.of(key, "Study Revised"))
    assert len(client.revisions(key)) == 1
