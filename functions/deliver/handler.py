"""Distribution as a Lambda: the messages of one binding's queue.

A message whose target does not answer comes back, the later the more often it was tried, and ends in the dead-letter
queue after the queue's number of tries; one that the target refuses goes there at once.
"""

import functools
import os
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from imaging import bootstrap
from imaging.distribution.work_off import ReceivedMessage
from imaging.errors import nameless

SPARE = timedelta(seconds=90)
"""Of the function's time: what was begun before may take that long."""

logger = Logger()
tracer = Tracer(patch_modules=["boto3"])  # not requests: a trace would show the addresses of others
metrics = Metrics()


@functools.cache
def process() -> bootstrap.Delivering:
    """The use case and its queue, composed at the first event."""
    return bootstrap.delivering(os.environ)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Deliver each; one that fails does not hold up the others."""
    metrics.add_dimension("binding", process().binding.name)
    metrics.add_metric("Delivered", MetricUnit.Count, 0)
    deadline = bootstrap.now() + timedelta(milliseconds=context.get_remaining_time_in_millis()) - SPARE
    left = [record for record in event["Records"] if not _is_done(record, deadline)]
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in left]}


def _is_done(record: dict[str, Any], deadline: datetime) -> bool:
    about = {"binding": process().binding.name, "message_id": record["messageId"]}
    try:
        if bootstrap.now() > deadline:  # those before it took the time
            process().queue.give_back(record["receiptHandle"])
            return False
        received = ReceivedMessage.of_sqs(record["body"], record["receiptHandle"], record["attributes"])
        handled = process().work_off(received, deadline)
    except Exception as failure:
        logger.error("failed", extra=nameless(failure), **about)
        return False
    if handled.delivered is None:
        logger.warning("not delivered yet", kind="retrying", why=handled.why, **about)
        metrics.add_metric("DeliveriesPutOff", MetricUnit.Count, 1)
        return False
    if handled.why:
        logger.error("not delivered", kind="refused", why=handled.why, **about)
        metrics.add_metric("DeliveriesRefused", MetricUnit.Count, 1)
    logger.info(handled.delivered.result, sent=handled.delivered.sent, **about)
    metrics.add_metric("Delivered", MetricUnit.Count, handled.delivered.sent)
    return handled.is_done
