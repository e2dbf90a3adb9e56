"""A queue of work, its dead-letter queue, and the alarms that tell when either needs a human."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.acknowledge import acknowledge
from infra.constructs.alarms import Alarms

_KEPT = Duration.days(14)


class WorkQueue(Construct):
    """Work that one function takes off in batches.

    Parameters
    ----------
    worker_timeout
        Of that function. A message comes back after six times as long, so that
        one the function was throttled on is not counted as tried (Lambda's
        guide on SQS).
    tries
        After so many a message goes to the dead-letter queue.
    oldest
        A message that waits longer means that the worker does not keep up.
    visibility
        In place of six times the timeout, where being counted as tried does no harm.
    queue_name
        None for one that CloudFormation makes up.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        alarms: Alarms,
        *,
        worker_timeout: Duration,
        tries: int = 5,
        oldest: Duration | None = None,
        visibility: Duration | None = None,
        queue_name: str | None = None,
    ) -> None:
        super().__init__(scope, name)
        self.worker_timeout = worker_timeout
        self.dead_letters = DeadLetters(
            self, "DeadLetters", alarms, queue_name=f"{queue_name}-dead-letters" if queue_name else None
        )
        # SQS-managed encryption: with the space's own key, S3 would have to be named in that key's
        # policy, and key, bucket and queue would wait for each other.
        self.queue = sqs.Queue(
            self,
            "Queue",
            queue_name=queue_name,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=_KEPT,
            visibility_timeout=visibility or Duration.seconds(6 * worker_timeout.to_seconds()),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters.queue, max_receive_count=tries),
        )
        oldest = oldest or Duration.minutes(30)
        alarms.add(
            self,
            "Waits",
            self.queue.metric_approximate_age_of_oldest_message(period=Duration.minutes(5), statistic="Maximum"),
            threshold=oldest.to_seconds(),
            description=f"{self.node.path}: a message has waited for more than {oldest.to_minutes()} minutes.",
        )


class DeadLetters(Construct):
    """A queue for what could not be handled, with an alarm on its first message."""

    def __init__(self, scope: Construct, name: str, alarms: Alarms, *, queue_name: str | None = None) -> None:
        super().__init__(scope, name)
        self.queue = sqs.Queue(
            self,
            "Queue",
            queue_name=queue_name,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=_KEPT,
        )
        acknowledge(self.queue, "SQS3", "It is the end of the line: an alarm tells of the first message in it.")
        alarms.add(
            self,
            "NotEmpty",
            self.queue.metric_approximate_number_of_messages_visible(
                period=Duration.minutes(1), statistic=cloudwatch.Stats.MAXIMUM
            ),
            threshold=0,
            description=f"{self.node.path}: a message could not be handled; mend the cause, then redrive the queue.",
        )
