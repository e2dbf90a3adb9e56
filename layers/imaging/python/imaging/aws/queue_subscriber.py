"""A subscriber's SQS queue."""

from imaging.aws.clients import client, ours_to_retry
from imaging.distribution.notice import notice
from imaging.model.events import Event


class QueueSubscriber:
    """`imaging.ports.delivery.NoticeTarget`: one message an event, to a queue in our region, of any account."""

    def __init__(self, queue_arn: str) -> None:
        self._account, self._name = queue_arn.split(":")[4:6]

    def tell(self, event: Event) -> None:
        """Send the event; see the port."""
        sqs = client("sqs")
        queue_url = f"{sqs.meta.endpoint_url}/{self._account}/{self._name}"
        with ours_to_retry("sending to the queue of a subscriber"):
            sqs.send_message(QueueUrl=queue_url, MessageBody=notice(event))
