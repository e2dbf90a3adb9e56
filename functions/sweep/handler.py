"""The sweeper as a Lambda, once a minute."""

import functools
import os
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from imaging import bootstrap
from imaging.errors import ImagingError
from imaging.pipeline.back_fill import BackFill
from imaging.pipeline.sweep import Grace, Sweep
from imaging.ports.manifest import PendingKind
from imaging.ports.marks import Marks
from imaging.settings import Settings

_SLICE = timedelta(seconds=30)  # over when the next minute begins

_OLDEST = {
    "OldestUnannouncedSeconds": (
        PendingKind.ANNOUNCE_CHANGE,
        PendingKind.ANNOUNCE_FEED,
        PendingKind.ANNOUNCE_REVISION,
    ),
    "OldestUnpublishedSeconds": (PendingKind.PUBLISH,),
}

logger = Logger()
tracer = Tracer()
metrics = Metrics()


@functools.cache
def sweep() -> Sweep:
    """The use case, composed at the first event."""
    return bootstrap.sweep(os.environ)


@functools.cache
def marks() -> Marks:
    """What is waiting."""
    return bootstrap.marks(os.environ)


@functools.cache
def back_fill() -> BackFill:
    """What goes on indexing by new query tags."""
    return bootstrap.back_fill(os.environ, logger.warning)


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
    _go_on_indexing()
    _gauge()
    return swept


def _gauge() -> None:
    """Count what is waiting, as the dashboard shows it minute by minute."""
    now = bootstrap.now()
    try:
        open_studies = marks().tally(PendingKind.FINALIZE).count
        oldest = {name: [marks().oldest(kind) for kind in kinds] for name, kinds in _OLDEST.items()}
    except ImagingError as failure:
        logger.warning("could not count what is waiting", reason=str(failure))
        return
    metrics.add_metric("OpenStudies", MetricUnit.Count, open_studies)
    for name, since in oldest.items():
        waiting_since = min((moment for moment in since if moment), default=now)
        metrics.add_metric(name, MetricUnit.Seconds, max(0, (now - waiting_since).total_seconds()))


def _go_on_indexing() -> None:
    """A slice of what a new query tag asks for; what is left of it the next minute's sweeper does.

    Each space has its share of the time, and of what those before it did not need.
    """
    end, spaces = bootstrap.now() + _SLICE, Settings(os.environ).spaces
    for to_come, space in zip(range(len(spaces), 0, -1), spaces, strict=True):
        now = bootstrap.now()
        try:
            register = back_fill()(space, now + max(end - now, timedelta(0)) / to_come)
        except ImagingError as failure:
            logger.warning("could not go on indexing by a new query tag", space=space, reason=str(failure))
            continue
        if register.pending:
            logger.info("indexing by a new query tag", space=space, studies=register.studies_done)
