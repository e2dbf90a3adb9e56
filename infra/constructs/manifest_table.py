"""The manifest: one table, keyed by space and study, and the indexes that search and the sweeper read."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.manifest_indexes import INDEXES, PARTITION_KEY, SORT_KEY, Index


class ManifestTable(Construct):
    """STUDY, SERIES, INSTANCE, METADATA and REVISION rows."""

    def __init__(self, scope: Construct, name: str, *, key: kms.Key) -> None:
        super().__init__(scope, name)
        self.table = dynamodb.TableV2(
            self,
            "Table",
            partition_key=_text(PARTITION_KEY),
            sort_key=_text(SORT_KEY),
            billing=dynamodb.Billing.on_demand(),
            encryption=dynamodb.TableEncryptionV2.customer_managed_key(key),
            dynamo_stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN,
            global_secondary_indexes=[_global_secondary(index) for index in INDEXES],
        )


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


def _global_secondary(index: Index) -> dynamodb.GlobalSecondaryIndexPropsV2:
    return dynamodb.GlobalSecondaryIndexPropsV2(
        index_name=index.name,
        partition_keys=[_text(attribute) for attribute in index.partition_keys],
        sort_keys=[_text(attribute) for attribute in index.sort_keys],
        projection_type=dynamodb.ProjectionType.INCLUDE if index.included else dynamodb.ProjectionType.KEYS_ONLY,
        non_key_attributes=list(index.included) or None,
    )
