"""The sweeper as a Lambda, once a minute."""

import functools
import os
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from imaging import bootstrap
from imaging.pipeline.sweep import Grace, Sweep

logger = Logger()
tracer = Tracer()
metrics = Metrics()


@functools.cache
def sweep() -> Sweep:
    """The use case, composed at the first event."""
    return bootstrap.sweep(os.environ)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Take up what is overdue; ``{"grace_seconds": 0}`` means all there is."""
    swept = asdict(sweep()(Grace.of_seconds(event["grace_seconds"]) if "grace_seconds" in event else Grace()))
    for what, count in swept.items():
        metrics.add_metric(f"Swept{what.capitalize()}", MetricUnit.Count, count)
    if any(swept.values()):
        logger.info("took up what was left", **swept)
    if swept["failed"]:
        logger.warning("some of what was left could not be taken up; it keeps its mark")
    return swept
