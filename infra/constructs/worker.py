"""What calls a function: a queue's batches, or the manifest's stream of changes.

Both as CloudFormation has them: the L2 event sources would add grants of their own.
"""

import json

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs

from infra.constructs.archive import Archive
from infra.constructs.work_queue import WorkQueue

# Rows that carry a mark of something to tell or a timer to arm; the marks of what is not in FHIR are for people.
_MARKED = {
    "eventName": ["INSERT", "MODIFY"],
    "dynamodb": {
        "NewImage": {
            "kind": {"S": ["STUDY", "INSTANCE", "REVISION"]},
            "pending": {"S": [{"prefix": "finalize#"}, {"prefix": "announce-"}]},
        }
    },
}


def work_off(
    function: lambda_.Function, work: WorkQueue, *, batch_size: int, concurrency: int, window: Duration | None = None
) -> None:
    """Call the function with batches; what it reports as failed comes back, the rest is done.

    The function's role needs `infra.constructs.grants.work_off`. `concurrency`
    bounds how many batches are under way without reserving any of the account's
    capacity.
    """
    lambda_.CfnEventSourceMapping(
        function,
        "WorkOff",
        function_name=function.function_name,
        event_source_arn=work.queue.queue_arn,
        batch_size=batch_size,
        maximum_batching_window_in_seconds=window.to_seconds() if window else None,
        scaling_config=lambda_.CfnEventSourceMapping.ScalingConfigProperty(maximum_concurrency=concurrency),
        function_response_types=["ReportBatchItemFailures"],
    )


def follow_changes(function: lambda_.Function, archive: Archive, put_aside: sqs.IQueue) -> None:
    """Call the function with the changes of the manifest, those of a row in their order.

    The function's role needs `infra.constructs.grants.read_stream` and
    `put_aside`. A record that fails again and again is split off and put aside;
    the sweep tells what it held.
    """
    assert archive.table.table_stream_arn
    lambda_.CfnEventSourceMapping(
        function,
        "FollowChanges",
        function_name=function.function_name,
        event_source_arn=archive.table.table_stream_arn,
        starting_position="TRIM_HORIZON",
        batch_size=100,
        bisect_batch_on_function_error=True,
        function_response_types=["ReportBatchItemFailures"],
        maximum_retry_attempts=10,
        maximum_record_age_in_seconds=Duration.hours(12).to_seconds(),
        destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(
            on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(destination=put_aside.queue_arn)
        ),
        filter_criteria=lambda_.CfnEventSourceMapping.FilterCriteriaProperty(
            filters=[lambda_.CfnEventSourceMapping.FilterProperty(pattern=json.dumps(_MARKED))]
        ),
    )
