"""Stage 4 as a Lambda: the manifest's stream, in the order of each study."""

import functools
import os
from itertools import groupby
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from imaging import bootstrap
from imaging.errors import Unavailable
from imaging.model.identifiers import InstanceKey
from imaging.model.study import Study
from imaging.ports.manifest import CommittedRevision

_ANNOUNCED = {
    InstanceKey: "AnnouncedInstances",
    CommittedRevision: "AnnouncedRevisions",
    Study: "TimersStarted",
}

logger = Logger()
tracer = Tracer()
metrics = Metrics()


@functools.cache
def process() -> bootstrap.Announcing:
    """The use case and the reader of stream records, composed at the first event."""
    return bootstrap.announce_change(os.environ)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Tell what the records say; the stream comes again from the first that could not be told."""
    records = [record["dynamodb"] for record in event["Records"]]
    told = [
        (record["SequenceNumber"], news)
        for record in records
        if (news := process().read(record.get("OldImage"), record.get("NewImage")))
    ]
    for kind, of_kind in groupby(told, key=lambda one: type(one[1])):
        run = list(of_kind)
        try:
            process().announce.tell([news for _, news in run])
        except Unavailable as failure:
            logger.warning("not announced yet", why=str(failure))
            return {"batchItemFailures": [{"itemIdentifier": run[0][0]}]}
        metrics.add_metric(_ANNOUNCED[kind], MetricUnit.Count, len(run))
    return {"batchItemFailures": []}
