"""Puts the site's files into their bucket when a stack is deployed, with the function that the CDK brings."""

from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_s3_deployment as s3_deployment
from constructs import Construct

from infra.config import Configuration
from infra.constructs.acknowledge import acknowledge, acknowledge_wildcards
from infra.constructs.encrypted_logs import EncryptedLogs
from infra.constructs.statements import WILDCARDS


class SiteFiller(Construct):
    """Copies folders below prefixes of a bucket, and may do nothing else.

    Left to itself the CDK would grant its function actions by pattern.

    Parameters
    ----------
    key
        Encrypts its log.
    """

    def __init__(
        self, scope: Construct, name: str, configuration: Configuration, bucket: s3.Bucket, *, key: kms.IKey
    ) -> None:
        super().__init__(scope, name)
        self._bucket = bucket
        self._logs = EncryptedLogs(self, "Logs", configuration, key=key)
        self._role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="What puts the viewer and the page into their bucket may do.",
        )
        self._allow(["logs:CreateLogStream", "logs:PutLogEvents"], self._logs.log_group_arn)
        self._allow(["s3:ListBucket", "s3:GetBucketTagging"], bucket.bucket_arn)

    def put(
        self,
        prefix: str,
        folder: Path,
        *,
        cache_control: str,
        prune: bool = False,
        content_encoding: str | None = None,
    ) -> s3_deployment.BucketDeployment:
        """Copy a folder below a prefix.

        Parameters
        ----------
        cache_control
            What each file is answered with.
        prune
            Whether what lies there and not in the folder is taken away.
        content_encoding
            What the files are packed with.
        """
        name = "".join(word.capitalize() for word in prefix.split("/"))
        asset = s3_assets.Asset(self, f"{name}Asset", path=str(folder))
        # Not this asset alone: its key changes with the site, and a policy that changes in the same update may not
        # be in force yet when the function reads.
        self._allow(["s3:GetObject"], asset.bucket.arn_for_objects("*.zip"))
        self._allow(
            ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
            self._bucket.arn_for_objects(f"{prefix.partition('/')[0]}/*"),
        )
        deployment = s3_deployment.BucketDeployment(
            self,
            name,
            sources=[s3_deployment.Source.bucket(asset.bucket, asset.s3_object_key)],
            destination_bucket=self._bucket,
            destination_key_prefix=prefix,
            cache_control=[s3_deployment.CacheControl.from_string(cache_control)],
            content_encoding=content_encoding,
            prune=prune,
            role=self._role.without_policy_updates(),
            log_group=self._logs,
            memory_limit=512,
        )
        deployment.node.add_dependency(self._role)
        self._acknowledge_function()
        return deployment

    def _allow(self, actions: list[str], resource: str) -> None:
        statement = iam.PolicyStatement(actions=actions, resources=[resource])
        self._role.add_to_principal_policy(statement)
        acknowledge_wildcards(self._role, [statement], WILDCARDS)

    def _acknowledge_function(self) -> None:
        for child in Stack.of(self).node.children:
            if child.node.id.startswith("Custom::CDKBucketDeployment"):
                acknowledge(child, "L1", "The CDK names the runtime of its own function.")
