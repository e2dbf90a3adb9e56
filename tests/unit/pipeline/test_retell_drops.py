import json
from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

import boto3
import pytest

from functions.store_drop import handler
from imaging import bootstrap
from imaging.model.identifiers import InstanceKey
from imaging.pipeline.retell_drops import LEFT_BEHIND, RetellDrops
from imaging.ports.objects import ListedVersion
from tests.fakes import START, InMemoryObjects
from tests.instances import part10_instance
from tests.space_without_triggers import SpaceWithoutTriggers

PUT_AT = START + timedelta(seconds=1)  # by the clock of the first object


class Told:
    """A queue that remembers."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def tell(self, space: str, versions: Sequence[ListedVersion]) -> None:
        self.keys += [version.object_key for version in versions]


def test_drops_whose_events_were_lost_are_stored_every_version_and_leave(
    embedded_aws: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    space, sqs = SpaceWithoutTriggers(), boto3.client("sqs")
    queue_url = sqs.create_queue(QueueName=uuid4().hex)["QueueUrl"]
    environment = space.environment | {"DROP_QUEUE_URL": queue_url}
    store_drop = bootstrap.store_drop(environment)
    monkeypatch.setattr(handler, "process", lambda: store_drop)
    drops = [InstanceKey("main", "1.2.1", "1.2.2", f"1.2.3.{number}") for number in range(13)]
    s3 = boto3.client("s3")
    for number, key in enumerate(drops):
        name = "incoming/Ä + 50 %/twice" if number < 2 else f"incoming/{number}.dcm"
        s3.put_object(Bucket=space.bucket, Key=name, Body=part10_instance(key))
    s3.put_object(Bucket=space.bucket, Key="incoming/folder/", Body=b"")
    s3.delete_object(Bucket=space.bucket, Key="incoming/2.dcm")

    retell = bootstrap.retell_drops(environment)
    assert retell("main", LEFT_BEHIND) == 0
    assert retell("main", timedelta(0)) == len(drops)

    while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            [notified] = json.loads(message["Body"])["Records"]
            handler.store(notified["s3"])
    for key in drops:
        s3.head_object(Bucket=space.bucket, Key=key.object_key)
    left = s3.list_object_versions(Bucket=space.bucket, Prefix="incoming/")
    assert [version["Key"] for version in left["Versions"]] == ["incoming/folder/"]
    assert retell("main", timedelta(0)) == 0


def test_what_stays_is_told_of_less_and_less_often() -> None:
    objects, told = InMemoryObjects(), Told()
    objects.put("main", "incoming/a.dcm", b"a")
    quarter = LEFT_BEHIND

    def at(quarters: float) -> int:
        return RetellDrops(objects, told, lambda: PUT_AT + quarters * quarter).when_due("main", quarter)

    assert [quarters for quarters in range(20) if at(quarters + 0.01)] == [1, 2, 4, 8, 16]


def test_a_call_tells_of_so_many_and_the_next_goes_on() -> None:
    objects, told = InMemoryObjects(), Told()
    for name in "abc":
        objects.put("main", f"incoming/{name}", b"drop")
    retell = RetellDrops(objects, told, lambda: PUT_AT + LEFT_BEHIND, at_most=2)

    assert retell("main", timedelta(0)) == 2
    for key in told.keys:
        objects.remove_version("main", key, objects.versions(key)[0].version_id)
    assert retell("main", timedelta(0)) == 1
    assert told.keys == ["incoming/a", "incoming/b", "incoming/c"]
