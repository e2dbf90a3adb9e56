"""Stage 5 as a Lambda: revised and deleted studies, as events in a queue.

A message that fails comes back, the later the more often it has failed, and ends in the dead-letter queue after the
queue's number of tries. So does a study that the FHIR server refuses: nothing goes without a trace.
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
from imaging.errors import Rejected, Unavailable, nameless
from imaging.model.identifiers import StudyKey
from imaging.pipeline.publish_study import UNPUBLISHABLE

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
    about = {"space": detail["space"], "study": detail["study"], "revision": detail["revision"]}
    try:
        process().publish(StudyKey(detail["space"], detail["study"]), detail["revision"])
    except Unavailable as failure:
        logger.warning("not published yet", kind="retrying", why=str(failure), **about)
        metrics.add_metric("FhirUnavailable", MetricUnit.Count, 1)
        process().put_off(record.receipt_handle, int(record.attributes.approximate_receive_count))
        raise
    except Rejected as refusal:
        kind = "not-published" if refusal.reason in UNPUBLISHABLE else "fhir-refused"
        logger.error("not published", kind=kind, why=str(refusal), **about)
        metrics.add_metric("StudiesNotPublished", MetricUnit.Count, 1)
        if refusal.reason not in UNPUBLISHABLE:
            raise
    except Exception as failure:
        logger.error("failed", extra=nameless(failure), **about)
        raise
    else:
        logger.info("published", **about)
        metrics.add_metric("StudiesPublished", MetricUnit.Count, 1)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Publish each study; one that fails does not hold up the others."""
    return process_partial_response(event=event, record_handler=_publish, processor=processor, context=context)
