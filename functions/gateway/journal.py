"""The log of the gateway: a line per request, which is its metrics too, and one per refused instance."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from imaging.dicomweb.message import Response
from imaging.dicomweb.store_resource import StoreAnswer
from imaging.errors import Rejected


class Journal:
    """Writes JSON lines, from any thread."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger

    def stored(self, answer: StoreAnswer) -> None:
        """Count and log what became of the instances of a request."""
        refused = [outcome for outcome in answer.outcomes if isinstance(outcome, Rejected)]
        stored = len(answer.outcomes) - len(refused)
        for rejected in refused:
            self._logger.warning("refused", reason=rejected.reason.value, SOPInstanceUID=rejected.sop_instance_uid)
        self._logger.info(
            "answered",
            status=answer.response.status,
            stored=stored,
            refused=len(refused),
            **_metrics(InstancesStored=stored, InstancesRefused=len(refused)),
        )

    def read(self, response: Response) -> None:
        """Count and log an answer to a GET."""
        status = response.status
        self._logger.info("answered", status=status, **_metrics(**{f"Answered{status // 100}xx": 1}))

    def left(self) -> None:
        """Tell that a client was gone before it had sent its request."""
        self._logger.info("the client left", **_metrics(ClientsLeft=1))


def _metrics(**counts: int) -> dict[str, Any]:
    """What makes a line CloudWatch metrics, in the embedded metric format."""
    metrics = EphemeralMetrics()  # a set of its own: the one of Metrics() is shared by all threads
    for name, count in counts.items():
        metrics.add_metric(name, MetricUnit.Count, count)
    return {**metrics.serialize_metric_set()}
