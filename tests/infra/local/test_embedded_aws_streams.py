"""DynamoDB streams reach functions as they do on AWS."""

from pathlib import Path
from typing import Any

import pytest

from infra.local.embedded_aws.clients import client
from infra.local.embedded_aws.process import ACCOUNT, REGION, EmbeddedAws
from tests.infra.local.functions_for_tests import batches, make_function, wait_until


class Stream:
    """A table whose changes a function receives, and a queue for what it cannot handle."""

    def __init__(self, aws: EmbeddedAws, folder: Path) -> None:
        self.aws = aws
        self.received = folder / "received.jsonl"
        self._dynamodb = client("dynamodb", aws.endpoint_url)
        self._sqs = client("sqs", aws.endpoint_url)
        table = self._dynamodb.create_table(
            TableName="changes",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
            BillingMode="PAY_PER_REQUEST",
        )
        self.stream_arn = table["TableDescription"]["LatestStreamArn"]
        self._set_aside = self._sqs.create_queue(QueueName="set-aside")["QueueUrl"]
        self.function = make_function(aws, self.received)

    def deliver(self, **settings: Any) -> None:
        """Connect the function, as CDK's DynamoEventSource does."""
        client("lambda", self.aws.endpoint_url).create_event_source_mapping(
            EventSourceArn=self.stream_arn,
            FunctionName=self.function,
            StartingPosition="TRIM_HORIZON",
            FunctionResponseTypes=["ReportBatchItemFailures"],
            DestinationConfig={"OnFailure": {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT}:set-aside"}},
            **settings,
        )
        self.aws.snapshot()

    def change(self, *keys: str) -> None:
        for key in keys:
            self._dynamodb.put_item(TableName="changes", Item={"pk": {"S": key}})

    def has_received(self, key: str) -> bool:
        return any(key in batch for batch in batches(self.received))

    def times_received(self, key: str) -> int:
        return sum(key in batch for batch in batches(self.received))

    def was_set_aside(self) -> bool:
        return "Messages" in self._sqs.receive_message(QueueUrl=self._set_aside)


@pytest.fixture
def stream(own_aws: EmbeddedAws, tmp_path: Path) -> Stream:
    return Stream(own_aws, tmp_path)


def test_reported_failures_are_retried_from_the_first_of_them_in_order(stream: Stream) -> None:
    stream.change("a", "b", "report", "c")
    stream.deliver(MaximumRetryAttempts=2)
    wait_until(stream.was_set_aside)
    assert batches(stream.received)[0] == ["a", "b", "report", "c"]
    assert set(map(tuple, batches(stream.received)[1:])) == {("report", "c")}
    assert stream.times_received("report") == 3
    stream.change("d")
    wait_until(lambda: stream.has_received("d"))


def test_a_batch_that_fails_is_halved_until_the_bad_record_is_alone(stream: Stream) -> None:
    stream.change("a", "b", "raise", "c")
    stream.deliver(MaximumRetryAttempts=1, BisectBatchOnFunctionError=True)
    wait_until(lambda: stream.has_received("c") and batches(stream.received)[-1] == ["c"])
    assert ["a", "b"] in batches(stream.received)
    assert ["raise"] in batches(stream.received)
    assert stream.was_set_aside()


def test_only_what_the_filter_wants_is_delivered(stream: Stream) -> None:
    stream.change("other", "wanted-1", "other", "wanted-2")
    stream.deliver(
        FilterCriteria={"Filters": [{"Pattern": '{"dynamodb":{"Keys":{"pk":{"S":[{"prefix":"wanted"}]}}}}'}]}
    )
    wait_until(lambda: stream.has_received("wanted-2"))
    assert not stream.has_received("other")


def test_a_change_that_was_answered_just_before_a_crash_is_still_delivered(stream: Stream) -> None:
    stream.deliver()
    stream.change("first")
    wait_until(lambda: stream.has_received("first"))
    stream.change(*(f"last-{number}" for number in range(20)))
    stream.aws.kill()
    stream.aws.start()
    stream.aws.wait_ready()
    wait_until(lambda: all(stream.has_received(f"last-{number}") for number in range(20)))
    stream.change("after")
    wait_until(lambda: stream.has_received("after"))
    assert stream.times_received("first") == 1


def test_the_stream_goes_on_after_a_clean_restart(stream: Stream) -> None:
    stream.deliver()
    stream.change("before")
    wait_until(lambda: stream.has_received("before"))
    stream.aws.stop()
    stream.aws.start()
    stream.aws.wait_ready()
    stream.change("after")
    wait_until(lambda: stream.has_received("after"))
    assert stream.times_received("before") == 1
