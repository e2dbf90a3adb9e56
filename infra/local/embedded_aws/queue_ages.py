"""SQS's metric of how long the oldest message of a queue waits, which MiniStack does not keep.

It is worked out when CloudWatch is asked, so it is fresher than on AWS.

References
----------
Amazon SQS Developer Guide, *Available CloudWatch metrics for Amazon SQS*, ApproximateAgeOfOldestMessage.
"""

import time

from ministack.services import cloudwatch, sqs


def install() -> None:
    """Let GetMetricData see the ages."""
    answer = cloudwatch._get_metric_data

    def answer_with_ages(*request: object) -> object:
        _record()
        return answer(*request)

    cloudwatch._get_metric_data = answer_with_ages


def _record() -> None:
    now = time.time()
    for queue in list(sqs._queues.values()):
        sent = [message["sent_at"] for message in list(queue["messages"])]
        if sent:
            name = queue["attributes"]["QueueArn"].rpartition(":")[2]
            age = now - min(sent)
            cloudwatch.record_metric("AWS/SQS", "ApproximateAgeOfOldestMessage", age, "Seconds", {"QueueName": name})
