"""The metrics that the dashboard shows: what our processes count, and what AWS does."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

NAMESPACE = "ImagingIngestion"
_PERIOD = Duration.minutes(5)
_FROM_ZERO = cloudwatch.YAxisProps(min=0, show_units=False)
SUM, MAXIMUM, AVERAGE = cloudwatch.Stats.SUM, cloudwatch.Stats.MAXIMUM, cloudwatch.Stats.AVERAGE


def graph(
    title: str, left: Sequence[cloudwatch.IMetric], right: Sequence[cloudwatch.IMetric] = (), *, width: int = 12
) -> cloudwatch.GraphWidget:
    """A graph with an axis on either side; 24 is the whole width."""
    return cloudwatch.GraphWidget(
        title=title, left=list(left), right=list(right), left_y_axis=_FROM_ZERO, right_y_axis=_FROM_ZERO, width=width
    )


def ours(name: str, label: str | None, *, statistic: str = SUM, **dimensions: str) -> cloudwatch.IMetric:
    """What a process of ours counts; an alarm's metric has no label, or it is made an expression."""
    return of_aws(NAMESPACE, name, label, statistic=statistic, **dimensions)


def ours_by(dimension: str, names: Sequence[str], *, service: str, statistic: str) -> cloudwatch.IMetric:
    """What a process of ours counts, a line for each value of the dimension, whichever there are."""
    alternatives = " OR ".join(f'"{name}"' for name in names)
    chosen = f'{{{NAMESPACE},service,{dimension}}} service="{service}" MetricName=({alternatives})'
    search = f"SEARCH('{chosen}', '{statistic}')"
    return cloudwatch.MathExpression(expression=search, label="", using_metrics={}, period=_PERIOD)


def of_queue(name: str, label: str, queue_name: str) -> cloudwatch.IMetric:
    """What SQS says of a queue."""
    return of_aws("AWS/SQS", name, label, statistic=MAXIMUM, QueueName=queue_name)


def of_aws(
    namespace: str, name: str, label: str | None, *, statistic: str = SUM, **dimensions: str
) -> cloudwatch.IMetric:
    """What a service says of one of its resources."""
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        label=label,
        dimensions_map=dimensions,
        statistic=statistic,
        period=_PERIOD,
    )


def of_every_function(name: str, label: str) -> cloudwatch.IMetric:
    """The sum over the deployment's functions, whose names begin with those of its stacks."""
    search = f"SEARCH('{{AWS/Lambda,FunctionName}} MetricName=\"{name}\" FunctionName=Imaging', 'Sum')"
    return cloudwatch.MathExpression(expression=f"SUM({search})", label=label, using_metrics={}, period=_PERIOD)
