"""What the other stacks know of the data: the spaces, the manifest, the key, and whom alarms tell."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms

from infra.constructs.alarms import Alarms
from infra.constructs.storage_space import StorageSpace


@dataclass(frozen=True)
class Archive:
    """The parts of the data stack that processes are built on."""

    key: kms.Key
    alarms: Alarms
    spaces: Sequence[StorageSpace]
    table: dynamodb.TableV2

    @property
    def table_arn(self) -> str:
        """The manifest's ARN, for the other stacks."""
        return str(Stack.of(self.table).export_value(self.table.table_arn))

    @property
    def spaces_setting(self) -> str:
        """The environment variable SPACES."""
        return json.dumps([space.as_setting() for space in self.spaces])
