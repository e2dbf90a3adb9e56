"""The manifest table as the data stack deploys it, for tests that need DynamoDB alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3

from imaging.aws.clients import client

_ATTRIBUTES = {
    "pk": "S",
    "sk": "S",
    "space": "S",
    "listed_date": "S",
    "study_instance_uid": "S",
    "patient_id": "S",
    "accession_number": "S",
    "uid": "S",
    "pending": "S",
    "pending_since": "S",
}
_WORK = (
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
)


def _keys(partition: tuple[str, ...], order: tuple[str, ...]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": "HASH"} for name in partition] + [
        {"AttributeName": name, "KeyType": "RANGE"} for name in order
    ]


def _index(name: str, partition: tuple[str, ...], order: tuple[str, ...], included: tuple[str, ...] = ()) -> Any:
    projection: dict[str, Any] = {"ProjectionType": "KEYS_ONLY"}
    if included:
        projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(included)}
    return {"IndexName": name, "KeySchema": _keys(partition, order), "Projection": projection}


def create_manifest_table(name: str) -> None:
    """Create it, and return when it can be used; `embedded_aws` must be up."""
    listed = ("listed_date", "study_instance_uid")
    dynamodb = boto3.client("dynamodb")
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in _ATTRIBUTES.items()],
        KeySchema=_keys(("pk",), ("sk",)),
        GlobalSecondaryIndexes=[
            _index("by_date", ("space",), listed),
            _index("by_patient", ("space", "patient_id"), listed),
            _index("by_accession", ("space", "accession_number"), listed),
            _index("by_uid", ("space", "uid"), ("sk",)),
            _index("pending", ("pending",), ("pending_since", "sk"), _WORK),
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    dynamodb.get_waiter("table_exists").wait(TableName=name)


@contextmanager
def counted_rows() -> Iterator[list[int]]:
    """How many rows each call brings that our clients make of DynamoDB meanwhile."""
    counts: list[int] = []

    def count(parsed: dict[str, Any], **_: object) -> None:
        of_tables = parsed.get("Responses", {}).values()
        counts.append(len(parsed.get("Items", ())) + sum(map(len, of_tables)) + ("Item" in parsed))

    events = client("dynamodb").meta.events
    events.register("after-call.dynamodb.*", count)
    try:
        yield counts
    finally:
        events.unregister("after-call.dynamodb.*", count)
