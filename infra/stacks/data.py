"""What must survive: the spaces' buckets, the manifest, their key, and the queues that S3 fills."""

from aws_cdk import ArnFormat, CfnOutput, Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.config import Configuration
from infra.constructs.acknowledge import acknowledge
from infra.constructs.alarms import Alarms
from infra.constructs.archive import Archive
from infra.constructs.manifest_table import ManifestTable
from infra.constructs.storage_space import StorageSpace, keep_policy, let_buckets_send
from infra.constructs.work_queue import WorkQueue


class DataStack(Stack):
    """Everything here is retained when the stack is deleted.

    The queues of arrivals live here, since a bucket can only be made together
    with the queues it notifies.
    """

    def __init__(self, scope: Construct, name: str, configuration: Configuration, *, env: Environment) -> None:
        super().__init__(scope, name, termination_protection=True, env=env)
        key = kms.Key(
            self,
            "Key",
            description="Encrypts the spaces, the manifest and the logs of the imaging ingestion service.",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        self._let_logs_use(key)
        alarms = Alarms(self, "Alarms", key=key, email=configuration.alarm_email)
        self.index_queue = WorkQueue(self, "IndexInstance", alarms, worker_timeout=Duration.seconds(60))
        # All the time a function may have: a drop may be of many gigabytes. What a large one kept from its turn is
        # quickly found stored when the batch comes back.
        self.drop_queue = WorkQueue(
            self,
            "StoreDrop",
            alarms,
            worker_timeout=Duration.minutes(15),
            tries=10,
            visibility=Duration.minutes(20),
            oldest=Duration.hours(1),
        )
        for work in (self.index_queue, self.drop_queue):
            let_buckets_send(work.queue)
        access_logs = self._access_logs(configuration)
        spaces = [
            StorageSpace(
                self,
                _capitalised(space.name),
                space,
                key=key,
                access_logs=access_logs,
                arrivals={
                    ("studies/", ".dcm"): self.index_queue.queue,
                    ("incoming/", ""): self.drop_queue.queue,
                },
                removals={("studies/", ".dcm"): self.index_queue.queue},
            )
            for space in configuration.spaces
        ]
        table = ManifestTable(self, "Manifest", key=key).table
        self.archive = Archive(key, alarms, spaces, table)

        CfnOutput(self, "ManifestTable", value=table.table_name)
        for space in spaces:
            CfnOutput(self, f"Space{_capitalised(space.configuration.name)}Bucket", value=space.bucket.bucket_name)

    def _access_logs(self, configuration: Configuration) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "AccessLogs",
            # S3 delivers access logs only to a bucket with its own keys.
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=RemovalPolicy.RETAIN,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="retention",
                    expiration=Duration.days(configuration.log_retention_days),
                    noncurrent_version_expiration=Duration.days(1),
                )
            ],
        )

        keep_policy(bucket)
        acknowledge(bucket, "S1", "A bucket of access logs that logged access to itself would never come to rest.")
        return bucket

    def _let_logs_use(self, key: kms.Key) -> None:
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="LogGroupsOfThisAccount",
                principals=[iam.ServicePrincipal(f"logs.{self.region}.amazonaws.com")],
                actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
                resources=["*"],
                conditions={
                    "ArnLike": {
                        "kms:EncryptionContext:aws:logs:arn": self.format_arn(
                            service="logs",
                            resource="log-group",
                            resource_name="*",
                            arn_format=ArnFormat.COLON_RESOURCE_NAME,
                        )
                    }
                },
            )
        )


def _capitalised(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))
