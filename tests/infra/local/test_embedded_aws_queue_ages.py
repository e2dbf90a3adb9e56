import time
from uuid import uuid4

import boto3

from imaging.aws.queue_gauge import SqsGauge
from imaging.model.queues import Queue, QueueKind


def test_cloudwatch_knows_how_long_the_oldest_message_waits(embedded_aws):
    sqs, name = boto3.client("sqs"), uuid4().hex
    urls = [sqs.create_queue(QueueName=each)["QueueUrl"] for each in (name, f"{name}-dead")]
    queue = Queue(name, QueueKind.INDEX_INSTANCE, *urls)
    assert SqsGauge().figures([queue])[name].oldest_seconds is None

    sqs.send_message(QueueUrl=queue.queue_url, MessageBody="first")
    time.sleep(1.5)
    sqs.send_message(QueueUrl=queue.queue_url, MessageBody="second")

    assert 1 <= SqsGauge().figures([queue])[name].oldest_seconds < 60
