"""Stage 3 as a Lambda: studies whose timer fell due, from a queue."""

import functools
import os
from collections.abc import Callable
from datetime import datetime
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

_TRIES_OF_A_HINT = 4  # half a minute to a minute


@functools.cache
def finalize_study() -> FinalizeStudy:
    """The use case, composed at the first event."""
    return bootstrap.finalize_study(os.environ)


@functools.cache
def put_off() -> Callable[[str, int], None]:
    """How a hint is put off, composed at the first one."""
    return bootstrap.put_off_hint(os.environ)


def _finalize(record: SQSRecord) -> None:
    due = record.json_body
    released_at = datetime.fromisoformat(due["released_at"]) if "released_at" in due else None
    try:
        outcome = finalize_study()(StudyKey(due["space"], due["study"]), released_at)
        if outcome is Finalized.NOT_KNOWN_YET:
            _hear_again(record)
    except Unavailable as failure:
        logger.warning("not finalized yet", space=due["space"], study=due["study"], why=str(failure))
        raise
    except Exception as failure:
        logger.error("failed", extra=nameless(failure))
        raise
    logger.info("finalized", space=due["space"], study=due["study"], outcome=outcome.value)
    if outcome is Finalized.REVISED:
        metrics.add_metric("StudiesRevised", MetricUnit.Count, 1)


def _hear_again(record: SQSRecord) -> None:
    """Put off a hint on what nobody has indexed yet; in the end it is let go, for it is no more than a hint."""
    tries = int(record.attributes.approximate_receive_count)
    if tries < _TRIES_OF_A_HINT:
        put_off()(record.receipt_handle, tries)
        raise Unavailable("Nothing of the study is indexed yet.")


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Finalize each study; one that fails does not hold up the others."""
    metrics.add_metric("StudiesDue", MetricUnit.Count, len(event["Records"]))
    return process_partial_response(event=event, record_handler=_finalize, processor=processor, context=context)
