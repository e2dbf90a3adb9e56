"""What was put under incoming/: S3 events from a queue, with partial failures.

An object's key may name a patient: no log line holds one.
"""

import functools
import json
import os
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from imaging import bootstrap
from imaging.errors import Rejected, nameless
from imaging.pipeline.store_instance import Stored

logger = Logger()
metrics = Metrics()
tracer = Tracer(auto_patch=False)  # a trace would name the keys of objects, and a key may name a patient
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)


@functools.cache
def process() -> bootstrap.Dropping:
    """The use case and what it needs, composed at the first event."""
    return bootstrap.store_drop(os.environ)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Deal with each message; one that fails comes back, and in the end goes to the dead-letter queue."""
    metrics.add_metric("DropNotifications", MetricUnit.Count, len(event["Records"]))
    return process_partial_response(event=event, record_handler=take, processor=processor, context=context)


def take(record: SQSRecord) -> None:
    """Store or set aside the objects of one S3 notification; a test event speaks of none."""
    try:
        for notified in json.loads(record.body).get("Records", []):
            tell(*store(notified["s3"]))
    except Exception as failure:
        logger.error("not taken yet", extra=nameless(failure))
        raise


def store(notified: dict[str, Any]) -> tuple[str, Stored | Rejected | None]:
    """Call the use case for one object; the space it lies in, and what became of it."""
    space = process().space_of_bucket[notified["bucket"]["name"]]
    dropped = notified["object"]
    return space, process().store(space, unquote_plus(dropped["key"]), dropped.get("versionId"))


def tell(space: str, outcome: Stored | Rejected | None) -> None:
    """Count and log what became of a drop."""
    if isinstance(outcome, Rejected):
        metrics.add_metric("DropsSetAside", MetricUnit.Count, 1)
        logger.warning("set aside", space=space, reason=outcome.reason.value, SOPInstanceUID=outcome.sop_instance_uid)
    elif outcome:
        metrics.add_metric("DropsStored", MetricUnit.Count, 1)
        logger.info("stored", space=space, outcome=outcome.outcome, SOPInstanceUID=outcome.key.sop_instance_uid)
