"""Stage 5 as a Lambda: studies to publish, as events in a queue or as `imaging publish` asks for them.

A message that fails comes back, the later the more often it has failed and not before the server wants it, and ends in
the dead-letter queue after the queue's number of tries. What trying again does not mend is acknowledged: it has left an
entry in the space's ``fhir-errors``.
"""

import functools
import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from imaging import bootstrap
from imaging.errors import Unavailable, nameless
from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind
from imaging.pipeline.publish_study import Attempt, Published

SPARE_SECONDS = 30
"""Of the function's time: for a token that a request still has to ask for, and to record what became of the study."""

logger = Logger()
tracer = Tracer(patch_modules=["boto3"])  # not requests: a trace would show the addresses of Patients
metrics = Metrics()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@functools.cache
def process() -> bootstrap.Publishing:
    """The use case and its queue, composed at the first event."""
    return bootstrap.publish_study(os.environ)


def _publish(record: SQSRecord) -> None:
    detail = record.json_body["detail"]
    tries = int(record.attributes.approximate_receive_count)
    about = {"space": detail["space"], "study": detail["study"], "revision": detail["revision"], "tries": tries}
    attempt = Attempt(tries, is_last=tries >= process().tries)
    try:
        published = process().publish(StudyKey(detail["space"], detail["study"]), detail["revision"], attempt)
    except Unavailable as failure:
        kind = ErrorKind.RETRIES_EXHAUSTED if attempt.is_last else ErrorKind.RETRYING
        logger.warning("not published yet", kind=kind, why=str(failure), **about)
        metrics.add_metric("FhirUnavailable", MetricUnit.Count, 1)
        if attempt.is_last:
            process().put_off(record.receipt_handle, 1, 0)  # soon, to be a dead letter then
        else:
            process().put_off(record.receipt_handle, tries, failure.wait_seconds)
        raise
    except Exception as failure:
        logger.error("failed", extra=nameless(failure), **about)
        raise
    _tell(published, about)


def _tell(published: Published, about: dict[str, Any]) -> None:
    what: dict[str, Any] = {"kind": published.error.kind, "why": published.error.message} if published.error else {}
    if published.is_in_fhir:
        (logger.warning if what else logger.info)("published", **what, **about)
        metrics.add_metric("StudiesPublished", MetricUnit.Count, 1)
    else:
        logger.error("not published", **what, **about)
        metrics.add_metric("StudiesNotPublished", MetricUnit.Count, 1)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Publish each study; one that fails does not hold up the others."""
    process().allow(context.get_remaining_time_in_millis() / 1000 - SPARE_SECONDS)
    return process_partial_response(event=event, record_handler=_publish, processor=processor, context=context)
