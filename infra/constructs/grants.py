"""What each process may do, action by action: the whole of it, in one place.

Every action is one that the process calls, or one of `IMPLIED`, which stand
behind a call under another name; none is a wildcard.
"""

from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as stepfunctions

from infra.constructs import statements as may
from infra.constructs.archive import Archive

Grants = list[iam.PolicyStatement]

IMPLIED = {
    "s3:ListBucket": "without it S3 answers a read of a missing key with 403 in place of 404",
    "s3:AbortMultipartUpload": "takes back the parts of an upload that fails, and few do",
    "kms:Decrypt": "S3, DynamoDB, SQS and Secrets Manager call it on behalf of the process",
    "kms:GenerateDataKey": "S3 and SQS call it on behalf of the process",
    "sqs:ReceiveMessage": "Lambda takes the messages off the queue with the function's role",
    "sqs:DeleteMessage": "as sqs:ReceiveMessage",
    "sqs:GetQueueAttributes": "as sqs:ReceiveMessage",
    "sqs:SendMessage": "Lambda puts aside what a function could not handle with the function's role",
    "dynamodb:DescribeStream": "Lambda reads the stream with the function's role",
    "dynamodb:GetRecords": "as dynamodb:DescribeStream",
    "dynamodb:GetShardIterator": "as dynamodb:DescribeStream",
    "dynamodb:ListStreams": "as dynamodb:DescribeStream; it has no resource to name",
    "logs:CreateLogStream": "Lambda writes the log with the function's role",
    "logs:PutLogEvents": "as logs:CreateLogStream",
    "xray:PutTraceSegments": "Lambda and its tracing client hand over the trace",
    "xray:PutTelemetryRecords": "as xray:PutTraceSegments",
}
"""Actions that no call by that name shows, and why they are granted."""

_LISTING_STUDIES = ("by_date", "by_patient", "by_accession", "by_modality", "by_name")


def store_instance(archive: Archive) -> Grants:
    """A door: write an instance if its key is free, look at what is there if it is not."""
    return [
        may.objects(
            archive, "studies/*/series/*/instances/*.dcm", "s3:PutObject", "s3:GetObject", "s3:GetObjectVersion"
        ),
        may.objects(archive, "studies/*/deleting.json", "s3:GetObject"),
        may.missing_keys(archive),
        may.key(archive, "kms:Decrypt", "kms:GenerateDataKey"),
    ]


def store_drop(archive: Archive) -> Grants:
    """The door for objects under ``incoming/``, which leave it for ``studies/`` or ``quarantine/``."""
    return [
        may.objects(archive, "incoming/*", "s3:GetObjectVersion", "s3:DeleteObjectVersion"),
        may.objects(archive, "quarantine/*", "s3:PutObject", "s3:AbortMultipartUpload"),
        may.objects(archive, "studies/*/series/*/instances/*.dcm", "s3:AbortMultipartUpload"),
        *store_instance(archive),
    ]


def index_instance(archive: Archive) -> Grants:
    """Read headers, keep beside the instance what no row holds, set aside what is none, write rows in transactions."""
    return [
        may.objects(archive, "studies/*", "s3:GetObject", "s3:GetObjectVersion", "s3:DeleteObjectVersion"),
        may.objects(archive, ("studies/*.json.gz", "studies/*.frames"), "s3:PutObject"),
        may.objects(archive, "quarantine/*", "s3:PutObject"),
        may.missing_keys(archive),
        may.table(
            archive,
            "dynamodb:GetItem",
            "dynamodb:BatchGetItem",
            "dynamodb:BatchWriteItem",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            "dynamodb:DeleteItem",
        ),
        may.key(archive, "kms:Decrypt", "kms:GenerateDataKey"),
    ]


def reconcile(archive: Archive) -> Grants:
    """Compare all versions in the buckets with the rows; index, restore, and remove what nobody names any more."""
    return [
        *index_instance(archive),
        iam.PolicyStatement(
            sid="ListVersions",
            actions=["s3:ListBucketVersions"],
            resources=[space.arn for space in archive.spaces],
        ),
        may.objects(archive, "drafts/*", "s3:GetObject", "s3:DeleteObject"),
        may.objects(archive, "studies/*/revisions/*", "s3:PutObject"),
        may.table(archive, "dynamodb:Query"),
        may.indexes(archive, "by_date"),
    ]


def finalize_study(archive: Archive, timer: stepfunctions.StateMachine) -> Grants:
    """Read a study whole, go on with a large deletion, write its revision, commit under the fence, or wait again."""
    return [
        may.objects(archive, "studies/*", "s3:GetObject"),
        may.objects(archive, "studies/*/series/*/instances/*.dcm", "s3:DeleteObject"),
        may.objects(archive, "studies/*/deleting.json", "s3:DeleteObject"),
        may.objects(archive, "drafts/*", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
        may.objects(archive, "studies/*/revisions/*", "s3:PutObject"),
        may.objects(archive, "studies/*/series/*/metadata/*", "s3:PutObject"),
        may.missing_keys(archive),
        may.table(
            archive,
            "dynamodb:GetItem",
            "dynamodb:BatchGetItem",
            "dynamodb:Query",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            "dynamodb:DeleteItem",
            "dynamodb:ConditionCheckItem",
        ),
        may.start(timer),
        may.key(archive, "kms:Decrypt", "kms:GenerateDataKey"),
    ]


def announce_change(archive: Archive, timer: stepfunctions.StateMachine, event_bus_arn: str) -> Grants:
    """Append what changed to the feed, tell it, remove the mark, start the timer of a study that opened.

    The draft of a committed revision that has not got its final key gets it here.
    """
    return [
        may.objects(archive, "studies/*/revisions/*", "s3:GetObject", "s3:PutObject"),
        may.objects(archive, "drafts/*", "s3:GetObject", "s3:DeleteObject"),
        *_append_to_feed(archive),
        may.missing_keys(archive),
        may.start(timer),
        iam.PolicyStatement(sid="Tell", actions=["events:PutEvents"], resources=[event_bus_arn]),
        may.key(archive, "kms:Decrypt", "kms:GenerateDataKey"),
    ]


def sweep(archive: Archive, timer: stepfunctions.StateMachine, event_bus_arn: str) -> Grants:
    """Do what announcing does, for what the index of pending work still lists; index what is stored by a new tag."""
    return [
        *announce_change(archive, timer, event_bus_arn),
        may.objects(archive, "studies/*", "s3:GetObject"),
        may.table(archive, "dynamodb:GetItem", "dynamodb:Query"),
        may.indexes(archive, "pending", "by_date"),
    ]


def record_status(archive: Archive, queue_arns: Sequence[str]) -> Grants:
    """Count rows and messages, and keep what was counted in one row."""
    return [
        may.table(archive, "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"),
        may.indexes(archive, "pending"),
        may.rows(archive, ("STATUS",), "dynamodb:UpdateItem"),
        iam.PolicyStatement(sid="Count", actions=["sqs:GetQueueAttributes"], resources=list(queue_arns)),
        # The age of what waits in a queue is there alone; the action has no resource to name.
        iam.PolicyStatement(sid="ReadAges", actions=["cloudwatch:GetMetricData"], resources=["*"]),
        may.key(archive, "kms:Decrypt"),
    ]


def _append_to_feed(archive: Archive) -> Grants:
    """Number changes in transactions, below the ceiling that the space's bucket keeps."""
    return [
        may.table(archive, "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
        may.objects(archive, "feed/ceiling.json", "s3:GetObject", "s3:PutObject"),
    ]


def search_retrieve(archive: Archive) -> Grants:
    """Search and read; nothing is written. A revision without its final key yet is read from its draft."""
    return [
        may.objects(archive, "drafts/*", "s3:GetObject"),
        may.objects(archive, "studies/*", "s3:GetObject", "s3:GetObjectVersion"),
        may.missing_keys(archive),
        may.table(archive, "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"),
        may.indexes(archive, *_LISTING_STUDIES, "by_uid", "by_arrival", "pending"),
        may.key(archive, "kms:Decrypt"),
    ]


def gateway(archive: Archive) -> Grants:
    """Store and read as the two functions do, bodies of any size: an upload in parts that fails is taken back."""
    return [
        may.objects(archive, "studies/*/series/*/instances/*.dcm", "s3:PutObject", "s3:AbortMultipartUpload"),
        may.objects(archive, ("studies/*", "drafts/*"), "s3:GetObject"),
        may.objects(archive, "studies/*", "s3:GetObjectVersion"),
        may.missing_keys(archive),
        may.table(archive, "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"),
        may.key(archive, "kms:Decrypt", "kms:GenerateDataKey"),
    ]


def dimse(archive: Archive) -> Grants:
    """Store instances of any size, search and read them, and keep what is asked for of storage commitment."""
    return [
        may.objects(archive, "studies/*/series/*/instances/*.dcm", "s3:PutObject", "s3:AbortMultipartUpload"),
        may.objects(archive, "studies/*", "s3:GetObject", "s3:GetObjectVersion"),
        may.missing_keys(archive),
        may.table(archive, "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"),
        may.indexes(archive, *_LISTING_STUDIES, "by_uid", "pending"),
        may.rows(archive, ("COMMITMENT#*",), "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"),
        may.key(archive, "kms:Decrypt", "kms:GenerateDataKey"),
    ]


def delete_instances(archive: Archive) -> Grants:
    """Put delete markers on instances, nothing else; hide their rows, and look whether any are seen still."""
    return [
        may.objects(archive, "studies/*/series/*/instances/*.dcm", "s3:DeleteObject", "s3:GetObject"),
        may.objects(archive, "studies/*/deleting.json", "s3:GetObject", "s3:PutObject"),
        may.missing_keys(archive),
        may.table(
            archive,
            "dynamodb:GetItem",
            "dynamodb:BatchGetItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
            "dynamodb:DeleteItem",
        ),
        may.key(archive, "kms:Decrypt", "kms:GenerateDataKey"),
    ]


def publish_study(archive: Archive, *, reads_metadata: bool) -> Grants:
    """Read revisions, remove their marks, and remember what has reached FHIR and what stands in the way.

    Observations come from the metadata of dose reports.
    """
    metadata = ["studies/*/series/*/metadata/*"] if reads_metadata else []
    return [
        may.objects(archive, ("studies/*/revisions/*", *metadata), "s3:GetObject"),
        may.missing_keys(archive),
        may.table(archive, "dynamodb:GetItem"),
        may.rows(archive, ("STUDY#*",), "dynamodb:UpdateItem"),
        may.rows(archive, ("FHIR#*", "FHIR-ID#*"), "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"),
        may.key(archive, "kms:Decrypt"),
    ]


def use_healthlake(datastore_arn: str) -> Grants:
    """Search, and commit transactions; each entry needs its own action beside the bundle's."""
    return [
        iam.PolicyStatement(
            sid="Publish",
            actions=[
                "healthlake:ReadResource",
                "healthlake:SearchWithPost",
                "healthlake:ProcessBundle",
                "healthlake:CreateResource",
                "healthlake:UpdateResource",
                "healthlake:DeleteResource",
            ],
            resources=[datastore_arn],
        )
    ]


def read_secrets(*secret_arns: str, kms_key_arn: str = "") -> Grants:
    """Read what proves to others who we are; with the key of its own that it is encrypted with, if it has one.

    That key's policy must let us, too.
    """
    if not secret_arns:
        return []
    read = iam.PolicyStatement(sid="ReadToken", actions=["secretsmanager:GetSecretValue"], resources=list(secret_arns))
    if not kms_key_arn:
        return [read]
    return [read, iam.PolicyStatement(sid="DecryptToken", actions=["kms:Decrypt"], resources=[kms_key_arn])]


def read_stream(archive: Archive) -> Grants:
    """Let Lambda read the manifest's changes with the function's role."""
    assert archive.table.table_stream_arn
    return [
        iam.PolicyStatement(
            sid="ReadStream",
            actions=["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
            resources=[archive.table.table_stream_arn],
        ),
        iam.PolicyStatement(
            sid="FindStream",
            actions=["dynamodb:ListStreams"],
            resources=["*"],
        ),
    ]


def put_aside(queue: sqs.IQueue) -> Grants:
    """Let Lambda send on what the function could not handle."""
    return [iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[queue.queue_arn])]


def hint(queue_arn: str) -> Grants:
    """Say that nothing more is to be expected of a study now."""
    return [iam.PolicyStatement(sid="Hint", actions=["sqs:SendMessage"], resources=[queue_arn])]


def tell_again(queue: sqs.IQueue) -> Grants:
    """Tell of drops whose S3 event was lost."""
    return [iam.PolicyStatement(sid="TellAgain", actions=["sqs:SendMessage"], resources=[queue.queue_arn])]


def put_off(queue: sqs.IQueue) -> Grants:
    """Let a message come back later than the queue would bring it."""
    return [iam.PolicyStatement(actions=["sqs:ChangeMessageVisibility"], resources=[queue.queue_arn])]


def work_off(queue: sqs.IQueue) -> Grants:
    """Let Lambda take messages off a queue with the function's role."""
    return [
        iam.PolicyStatement(
            actions=["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
            resources=[queue.queue_arn],
        )
    ]
