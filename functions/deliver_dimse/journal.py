"""The log of the process: a line per message, which is its metrics too."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from imaging.distribution.work_off import Handled


class DeliveryJournal:
    """Writes JSON lines, from any thread."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger

    def handled(self, binding: str, handled: Handled) -> None:
        """Say what became of a message, in CloudWatch's embedded metric format as well."""
        if handled.delivered is None:
            self._logger.warning(
                "not delivered yet", kind="retrying", why=handled.why, **_metrics(binding, DeliveriesPutOff=1)
            )
        elif handled.why:
            counts = _metrics(binding, Delivered=handled.delivered.sent, DeliveriesRefused=1)
            self._logger.error("not delivered", kind="refused", why=handled.why, **counts)
        else:
            self._logger.info(handled.delivered.result, **_metrics(binding, Delivered=handled.delivered.sent))


def _metrics(binding: str, **counts: int) -> dict[str, Any]:
    """What makes a line CloudWatch metrics, in the embedded metric format."""
    metrics = EphemeralMetrics()  # a set of its own: the one of Metrics() is shared by all threads
    metrics.add_dimension("binding", binding)
    for name, count in counts.items():
        metrics.add_metric(name, MetricUnit.Count, count)
    return {**metrics.serialize_metric_set()}
