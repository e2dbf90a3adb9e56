"""A function that is called again and again, and misses nothing if one call of it fails."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_

from infra.constructs.alarms import Alarms


def call_every(
    function: lambda_.Function, period: Duration, alarms: Alarms, *, name: str, description: str, failing: str
) -> None:
    """Call the function by schedule; alarm if three calls in a row fail.

    Parameters
    ----------
    failing
        What it means that it fails.
    """
    # Once is enough, the next call is soon.
    function.configure_async_invoke(retry_attempts=0, max_event_age=Duration.minutes(1))
    events.Rule(
        function.stack,
        name,
        description=description,
        schedule=events.Schedule.rate(period),
        targets=[targets.LambdaFunction(function)],
    )
    alarms.add(
        function.stack,
        f"{name}Fails",
        function.metric_errors(period=Duration.seconds(max(300, 4 * period.to_seconds()))),
        threshold=2,
        description=failing,
    )
