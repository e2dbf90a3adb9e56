"""A log group as all of ours are: encrypted with the deployment's key, kept for as long as configured."""

from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.config import Configuration


class EncryptedLogs(logs.LogGroup):
    """A log group; it outlives its stack, until its last line has expired."""

    def __init__(self, scope: Construct, name: str, configuration: Configuration, *, key: kms.IKey) -> None:
        super().__init__(scope, name, encryption_key=key)
        group = self.node.default_child
        assert isinstance(group, logs.CfnLogGroup)
        group.retention_in_days = configuration.log_retention_days
