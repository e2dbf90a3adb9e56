"""The manifest table as the data stack deploys it, for tests that need DynamoDB alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3

from imaging.aws.clients import client
from infra.manifest_indexes import INDEXES, PARTITION_KEY, SORT_KEY, Index


def _keys(partition_keys: tuple[str, ...], sort_keys: tuple[str, ...]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": "HASH"} for name in partition_keys] + [
        {"AttributeName": name, "KeyType": "RANGE"} for name in sort_keys
    ]


def _global_secondary(index: Index) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": "KEYS_ONLY"}
    if index.included:
        projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index.included)}
    return {
        "IndexName": index.name,
        "KeySchema": _keys(index.partition_keys, index.sort_keys),
        "Projection": projection,
    }


def create_manifest_table(name: str) -> None:
    """Create it, and return when it can be used; `embedded_aws` must be up."""
    attributes = {PARTITION_KEY, SORT_KEY}.union(*(index.partition_keys + index.sort_keys for index in INDEXES))
    dynamodb = boto3.client("dynamodb")
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in sorted(attributes)],
        KeySchema=_keys((PARTITION_KEY,), (SORT_KEY,)),
        GlobalSecondaryIndexes=[_global_secondary(index) for index in INDEXES],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    dynamodb.get_waiter("table_exists").wait(TableName=name)


@contextmanager
def counted_rows() -> Iterator[list[int]]:
    """How many rows each call reads that our clients make of DynamoDB meanwhile, whether or not it brings them."""
    counts: list[int] = []

    def count(parsed: dict[str, Any], **_: object) -> None:
        of_tables = parsed.get("Responses", {}).values()
        counts.append(parsed.get("ScannedCount", 0) + sum(map(len, of_tables)) + ("Item" in parsed))

    events = client("dynamodb").meta.events
    events.register("after-call.dynamodb.*", count)
    try:
        yield counts
    finally:
        events.unregister("after-call.dynamodb.*", count)
