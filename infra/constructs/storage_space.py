"""A storage space: a segregated place for DICOM, with a bucket of its own."""

from collections.abc import Mapping

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.space_config import SpaceConfiguration


class StorageSpace(Construct):
    """The bucket of a space, and which queue hears of what happens in it.

    Parameters
    ----------
    arrivals
        Queue that hears of new objects, by prefix and suffix of their keys.
    removals
        The same for objects that go.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        configuration: SpaceConfiguration,
        *,
        key: kms.Key,
        access_logs: s3.Bucket,
        arrivals: Mapping[tuple[str, str], sqs.Queue],
        removals: Mapping[tuple[str, str], sqs.Queue],
    ) -> None:
        super().__init__(scope, name)
        self.configuration = configuration
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            versioned=True,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            server_access_logs_bucket=access_logs,
            server_access_logs_prefix=f"{configuration.name}/",
            removal_policy=RemovalPolicy.RETAIN,
            lifecycle_rules=[
                s3.LifecycleRule(id="incomplete-uploads", abort_incomplete_multipart_upload_after=Duration.days(1)),
                # What was dropped has been stored under studies/ since; nobody needs the copy.
                s3.LifecycleRule(
                    id="dropped",
                    prefix="incoming/",
                    noncurrent_version_expiration=Duration.days(7),
                    expired_object_delete_marker=True,
                ),
                # A draft that was not committed, or has got its final key: nobody reads it any more.
                s3.LifecycleRule(id="drafts", prefix="drafts/", expiration=Duration.days(30)),
                s3.LifecycleRule(
                    id="dropped-drafts",
                    prefix="drafts/",
                    noncurrent_version_expiration=Duration.days(7),
                    expired_object_delete_marker=True,
                ),
            ],
        )
        keep_policy(self.bucket)
        self._notify(arrivals, removals)

    @property
    def arn(self) -> str:
        """The bucket's ARN, for the other stacks."""
        return str(Stack.of(self).export_value(self.bucket.bucket_arn))

    def as_setting(self) -> dict[str, str | int | list[str] | dict[str, str]]:
        """The entry of the environment variable SPACES."""
        return {
            "name": self.configuration.name,
            "bucket": self.bucket.bucket_name,
            "ae_title": self.configuration.ae_title,
            "other_bytes": self.configuration.other_bytes,
            "patient_identifier_system": self.configuration.patient_identifier_system,
            "longest_wait_seconds": self.configuration.longest_wait_seconds,
            "finish_on": list(self.configuration.finish_on),
            "issuers": dict(self.configuration.issuers),
        }

    def _notify(
        self, arrivals: Mapping[tuple[str, str], sqs.Queue], removals: Mapping[tuple[str, str], sqs.Queue]
    ) -> None:
        # CloudFormation's own property: the L2's add_event_notification deploys a function that may
        # change the notifications of every bucket in the account.
        bucket = self.bucket.node.default_child
        assert isinstance(bucket, s3.CfnBucket)
        bucket.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            queue_configurations=[
                _queue_configuration(event, prefix, suffix, queue)
                for event, queues in (("s3:ObjectCreated:*", arrivals), ("s3:ObjectRemoved:*", removals))
                for (prefix, suffix), queue in queues.items()
            ]
        )
        for queue in {*arrivals.values(), *removals.values()}:
            bucket.node.add_dependency(queue.node.find_child("Policy"))


def keep_policy(bucket: s3.Bucket) -> None:
    """Let a bucket that outlives its stack go on to refuse what is not TLS."""
    assert bucket.policy
    bucket.policy.apply_removal_policy(RemovalPolicy.RETAIN)


def let_buckets_send(queue: sqs.Queue) -> None:
    """Let S3 send to the queue, on behalf of this account's buckets alone.

    Naming the bucket would make queue and bucket wait for each other: S3 tries
    the queue when the bucket is made.
    """
    queue.add_to_resource_policy(
        iam.PolicyStatement(
            sid="S3Notifies",
            principals=[iam.ServicePrincipal("s3.amazonaws.com")],
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
            conditions={
                "StringEquals": {"aws:SourceAccount": Stack.of(queue).account},
                "ArnLike": {"aws:SourceArn": f"arn:{Stack.of(queue).partition}:s3:::*"},
            },
        )
    )


def _queue_configuration(
    event: str, prefix: str, suffix: str, queue: sqs.Queue
) -> s3.CfnBucket.QueueConfigurationProperty:
    rules = [("prefix", prefix), *([("suffix", suffix)] if suffix else [])]
    return s3.CfnBucket.QueueConfigurationProperty(
        event=event,
        queue=queue.queue_arn,
        filter=s3.CfnBucket.NotificationFilterProperty(
            s3_key=s3.CfnBucket.S3KeyFilterProperty(
                rules=[s3.CfnBucket.FilterRuleProperty(name=name, value=value) for name, value in rules]
            )
        ),
    )
