from uuid import uuid4

import boto3

from imaging.aws.work_queue import FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, WorkQueue, wait_seconds


def test_waits_longer_after_each_try_and_never_too_long():
    for tries in range(1, 20):
        assert FIRST_WAIT_SECONDS <= wait_seconds(tries) <= LONGEST_WAIT_SECONDS
    assert min(wait_seconds(6) for _ in range(20)) > max(wait_seconds(3) for _ in range(20))


def test_a_message_put_off_comes_back_later_and_not_before(embedded_aws):
    sqs = boto3.client("sqs")
    queue_url = sqs.create_queue(QueueName=uuid4().hex, Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    sqs.send_message(QueueUrl=queue_url, MessageBody="work")
    (message,) = sqs.receive_message(QueueUrl=queue_url, VisibilityTimeout=1)["Messages"]

    WorkQueue(queue_url).put_off(message["ReceiptHandle"], tries=1)

    assert "Messages" not in sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=2)
