"""`reconcile` as a Lambda, every quarter of an hour: drops told again, and a slice of a pass, if one is due."""

import functools
import os
from datetime import timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from imaging import bootstrap
from imaging.errors import ImagingError
from imaging.model.reconciliation import Pass, Phase
from imaging.pipeline.reconcile import Reconcile
from imaging.pipeline.retell_drops import LEFT_BEHIND, RetellDrops
from imaging.settings import Settings

_TO_FINISH = 0.25  # of the time: the studies at work when the slice ends may be large
_DAYS = "7"

logger = Logger()
tracer = Tracer()
metrics = Metrics()


@functools.cache
def reconcile() -> Reconcile:
    """The use case, composed at the first event."""
    return bootstrap.reconcile(os.environ, logger.warning)


@functools.cache
def retell_drops() -> RetellDrops:
    """The other use case, composed at the first event."""
    return bootstrap.retell_drops(os.environ)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Work a slice of each space that is due; each has its share of the time, and of what others did not need."""
    settings = Settings(os.environ)
    for space in settings.spaces:
        retell(space)
    every = timedelta(days=float(settings.get("RECONCILE_DAYS", _DAYS)))
    has = timedelta(milliseconds=context.get_remaining_time_in_millis())
    end, worked = bootstrap.now() + has * (1 - _TO_FINISH), {}
    for to_come, space in zip(range(len(settings.spaces), 0, -1), settings.spaces, strict=True):
        now = bootstrap.now()
        try:
            found = reconcile().when_due(space, every, now + max(end - now, timedelta(0)) / to_come)
        except ImagingError as failure:
            logger.warning("could not go on reconciling", space=space, reason=str(failure))
            continue
        if found:
            tell(found)
            worked[space] = {"phase": found.phase.value, **found.found.as_counts()}
    metrics.add_metric("ReconcileSlices", MetricUnit.Count, len(worked))
    return worked


def retell(space: str) -> None:
    """Tell of the space's drops whose event seems lost."""
    try:
        told = retell_drops().when_due(space, LEFT_BEHIND)
    except ImagingError as failure:
        logger.warning("could not tell of drops again", space=space, reason=str(failure))
        return
    metrics.add_metric("DropsToldAgain", MetricUnit.Count, told)
    if told:
        logger.warning("told of drops again", space=space, drops=told)


def tell(found: Pass) -> None:
    """Log how far a pass has come; count what one found that is through."""
    logger.info("reconciled a slice", space=found.space, phase=found.phase.value, found=found.found.as_counts())
    if found.phase is Phase.DONE:
        for what, count in found.found.as_counts().items():
            if isinstance(count, int):
                name = "".join(map(str.capitalize, what.split("_")))
                metrics.add_metric(f"Reconciled{name}", MetricUnit.Count, count)
