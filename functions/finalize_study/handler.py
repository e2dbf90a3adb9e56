"""Stage 3 as a Lambda: studies whose timer fell due, from a queue."""

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
from imaging.pipeline.finalize_study import Finalized, FinalizeStudy

logger = Logger()
tracer = Tracer()
metrics = Metrics()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@functools.cache
def finalize_study() -> FinalizeStudy:
    """The use case, composed at the first event."""
    return bootstrap.finalize_study(os.environ)


def _finalize(record: SQSRecord) -> None:
    due = record.json_body
    try:
        outcome = finalize_study()(StudyKey(due["space"], due["study"]))
    except Unavailable as failure:
        logger.warning("not finalized yet", space=due["space"], study=due["study"], why=str(failure))
        raise
    except Exception as failure:
        logger.error("failed", extra=nameless(failure))
        raise
    logger.info("finalized", space=due["space"], study=due["study"], outcome=outcome.value)
    if outcome is Finalized.REVISED:
        metrics.add_metric("StudiesRevised", MetricUnit.Count, 1)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Finalize each study; one that fails does not hold up the others."""
    return process_partial_response(event=event, record_handler=_finalize, processor=processor, context=context)
