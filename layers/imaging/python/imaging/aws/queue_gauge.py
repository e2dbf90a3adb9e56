"""How much waits in SQS: counts from the queues themselves, ages from CloudWatch, which alone has them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from imaging.aws.clients import client, ours_to_retry
from imaging.model.queues import Queue
from imaging.ports.queues import QueueFigures

_SIDE_BY_SIDE = 8
_LOOK_BACK = timedelta(minutes=10)  # CloudWatch has a metric of SQS a few minutes late
_METRICS_A_CALL = 500
_VISIBLE, _NOT_VISIBLE, _DELAYED = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class SqsGauge:
    """`imaging.ports.queues.QueueGauge`."""

    def figures(self, queues: Sequence[Queue]) -> dict[str, QueueFigures]:
        """Two short calls a queue, and one for the ages of those that hold something: each metric has its price."""
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            counts = list(pool.map(_counts, [queue.queue_url for queue in queues]))
            letters = list(pool.map(_counts, [queue.dead_letter_queue_url for queue in queues]))
        ages = _ages([queue.queue_url for queue, count in zip(queues, counts, strict=True) if any(count.values())])
        return {
            queue.name: QueueFigures(
                waiting=count[_VISIBLE] + count[_DELAYED],
                under_way=count[_NOT_VISIBLE],
                dead_letters=dead[_VISIBLE] + dead[_NOT_VISIBLE] + dead[_DELAYED],
                # What CloudWatch says is some minutes old; the queue itself knows whether it is empty.
                oldest_seconds=ages.get(queue.queue_url),
            )
            for queue, count, dead in zip(queues, counts, letters, strict=True)
        }


def _counts(queue_url: str) -> dict[str, int]:
    names = (_VISIBLE, _NOT_VISIBLE, _DELAYED)
    if not queue_url:
        return dict.fromkeys(names, 0)
    with ours_to_retry("looking at a queue"):
        answer = client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=list(names))
    return {name: int(answer["Attributes"][name]) for name in names}


def _ages(queue_urls: Sequence[str]) -> dict[str, int]:
    """Seconds that the oldest message has waited, of those queues CloudWatch knows of."""
    now = datetime.now(UTC)
    ages: dict[str, int] = {}
    for start in range(0, len(queue_urls), _METRICS_A_CALL):
        asked = queue_urls[start : start + _METRICS_A_CALL]
        with ours_to_retry("reading metrics"):
            answer = client("cloudwatch").get_metric_data(
                MetricDataQueries=[_age_query(place, queue_url) for place, queue_url in enumerate(asked)],
                StartTime=now - _LOOK_BACK,
                EndTime=now + timedelta(minutes=1),
                ScanBy="TimestampDescending",
            )
        for result in answer["MetricDataResults"]:
            if result["Values"]:
                ages[asked[int(result["Id"].removeprefix("age"))]] = round(result["Values"][0])
    return ages


def _age_query(place: int, queue_url: str) -> dict[str, Any]:
    return {
        "Id": f"age{place}",
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/SQS",
                "MetricName": "ApproximateAgeOfOldestMessage",
                "Dimensions": [{"Name": "QueueName", "Value": queue_url.rpartition("/")[2]}],
            },
            "Period": 60,
            "Stat": "Maximum",
        },
    }
