"""No message is lost on the embedded AWS while many threads use a queue."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from infra.local.embedded_aws.clients import client
from infra.local.embedded_aws.process import ACCOUNT, REGION, EmbeddedAws
from infra.local.ports import any_free_port
from tests.infra.local.functions_for_tests import batches, make_function, wait_until


def make_queue(sqs: Any, name: str, **attributes: str) -> str:
    address: str = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return address


def arn(name: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def let_a_function_handle(aws: EmbeddedAws, queue: str, received: Path) -> None:
    client("lambda", aws.endpoint_url).create_event_source_mapping(
        EventSourceArn=arn(queue),
        FunctionName=make_function(aws, received),
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        ScalingConfig={"MaximumConcurrency": 4},
    )


def test_every_message_is_handled_while_others_arrive(own_aws: EmbeddedAws, tmp_path: Path) -> None:
    sqs = client("sqs", own_aws.endpoint_url)
    address = make_queue(sqs, "work")
    received = tmp_path / "received.jsonl"
    let_a_function_handle(own_aws, "work", received)
    with ThreadPoolExecutor(8) as senders:
        bodies = [f"message-{number}" for number in range(400)]
        list(senders.map(lambda body: sqs.send_message(QueueUrl=address, MessageBody=body), bodies))
    wait_until(lambda: {body for batch in batches(received) for body in batch} == set(bodies))


def test_what_fails_again_and_again_goes_to_the_dead_letter_queue(own_aws: EmbeddedAws, tmp_path: Path) -> None:
    sqs = client("sqs", own_aws.endpoint_url)
    dead_letters = make_queue(sqs, "dead-letters")
    redrive = f'{{"deadLetterTargetArn": "{arn("dead-letters")}", "maxReceiveCount": 2}}'
    address = make_queue(sqs, "work", VisibilityTimeout="2", RedrivePolicy=redrive)
    received = tmp_path / "received.jsonl"
    for body in ("good", "report"):
        sqs.send_message(QueueUrl=address, MessageBody=body)
    let_a_function_handle(own_aws, "work", received)
    wait_until(lambda: waiting(sqs, dead_letters) == 1)
    assert waiting(sqs, address) == 0
    assert sum("report" in batch for batch in batches(received)) == 2
    message = sqs.receive_message(QueueUrl=dead_letters, AttributeNames=["All"])["Messages"][0]
    assert message["Body"] == "report"
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == arn("work")


def test_a_queue_is_found_after_a_move_to_another_port(own_aws: EmbeddedAws, tmp_path: Path) -> None:
    sqs = client("sqs", own_aws.endpoint_url)
    address = make_queue(sqs, "work")
    received = tmp_path / "received.jsonl"
    let_a_function_handle(own_aws, "work", received)
    own_aws.stop()
    own_aws.port = any_free_port()
    own_aws.start()
    own_aws.wait_ready()
    client("sqs", own_aws.endpoint_url).send_message(QueueUrl=address, MessageBody="study")
    wait_until(lambda: batches(received) == [["study"]])


def waiting(sqs: Any, address: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=address, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)
