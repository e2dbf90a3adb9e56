"""What makes a line of the log metrics too: CloudWatch's embedded metric format."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit


def metrics(
    dimensions: Mapping[str, str], counts: Mapping[str, int], milliseconds: Mapping[str, Sequence[float]] | None = None
) -> dict[str, Any]:
    """The keys that a line needs.

    Parameters
    ----------
    dimensions
        Beside the service.
    milliseconds
        Less than a hundred values each, all of one metric.
    """
    embedded = EphemeralMetrics()  # a set of its own: the one of Metrics() is shared by all threads
    for dimension in dimensions.items():
        embedded.add_dimension(*dimension)
    for name, count in counts.items():
        embedded.add_metric(name, MetricUnit.Bytes if name.startswith("Bytes") else MetricUnit.Count, count)
    for name, values in (milliseconds or {}).items():
        for value in values:
            embedded.add_metric(name, MetricUnit.Milliseconds, value)
    return {**embedded.serialize_metric_set()}
