"""The manifest: one table, keyed by space and study, and the indexes that search and the sweeper read."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

_WHAT_A_MARK_SAYS = [
    "kind",
    "space",
    "study_instance_uid",
    "series_instance_uid",
    "sop_instance_uid",
    "action",
    "change_number",
    "revision",
    "created_at",
    "claim",
    "counts",
]


class ManifestTable(Construct):
    """STUDY, SERIES, INSTANCE, METADATA and REVISION rows."""

    def __init__(self, scope: Construct, name: str, *, key: kms.Key) -> None:
        super().__init__(scope, name)
        listed = ("listed_date", "study_instance_uid")
        self.table = dynamodb.TableV2(
            self,
            "Table",
            partition_key=_text("pk"),
            sort_key=_text("sk"),
            billing=dynamodb.Billing.on_demand(),
            encryption=dynamodb.TableEncryptionV2.customer_managed_key(key),
            dynamo_stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN,
            global_secondary_indexes=[
                # QIDO-RS, PS3.18 Section 10.6: each serves a query by its most selective attribute,
                # in the order of study dates.
                _index("by_date", ["space"], listed),
                _index("by_patient", ["space", "patient_id"], listed),
                _index("by_accession", ["space", "accession_number"], listed),
                _index("by_uid", ["space", "uid"], ["sk"]),
                # Sparse: rows with work that is still to be done.
                _index("pending", ["pending"], ["pending_since", "sk"], _WHAT_A_MARK_SAYS),
            ],
        )


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


def _index(
    name: str, hashed: list[str], ordered: tuple[str, ...] | list[str], included: list[str] | None = None
) -> dynamodb.GlobalSecondaryIndexPropsV2:
    return dynamodb.GlobalSecondaryIndexPropsV2(
        index_name=name,
        partition_keys=[_text(attribute) for attribute in hashed],
        sort_keys=[_text(attribute) for attribute in ordered],
        projection_type=dynamodb.ProjectionType.INCLUDE if included else dynamodb.ProjectionType.KEYS_ONLY,
        non_key_attributes=included,
    )
