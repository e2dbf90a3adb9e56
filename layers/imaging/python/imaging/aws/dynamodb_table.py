"""The few calls on the manifest table that all its adapters share."""

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from botocore.exceptions import ClientError

from imaging.aws.clients import client, error_code, ours_to_retry
from imaging.aws.rows import Row, of_item, to_item
from imaging.errors import Unavailable

_BATCH_GET_KEYS = 100
_BATCH_PUT_ITEMS = 25
_ATTEMPTS = 8
_FIRST_PAUSE_SECONDS = 0.02


class ConditionsFailed(Exception):
    """A transaction was cancelled; `failed` are the places of the actions whose condition did not hold."""

    def __init__(self, failed: Sequence[int]) -> None:
        super().__init__("conditions failed")
        self.failed = tuple(failed)


class ManifestTable:
    """Typed rows in and out of one DynamoDB table."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get(self, row_key: Row) -> Row | None:
        """One row, read consistently."""
        with ours_to_retry("reading the manifest"):
            answer = client("dynamodb").get_item(TableName=self.name, Key=to_item(row_key), ConsistentRead=True)
        return of_item(answer["Item"]) if "Item" in answer else None

    def get_many(self, row_keys: Iterable[Row]) -> list[Row]:
        """Rows by key, read consistently, in no order; absent ones are left out."""
        wanted = [to_item(row_key) for row_key in row_keys]
        rows: list[Row] = []
        for start in range(0, len(wanted), _BATCH_GET_KEYS):
            rest = wanted[start : start + _BATCH_GET_KEYS]
            for pause in _pauses():
                with ours_to_retry("reading the manifest"):
                    answer = client("dynamodb").batch_get_item(
                        RequestItems={self.name: {"Keys": rest, "ConsistentRead": True}}
                    )
                rows += [of_item(item) for item in answer["Responses"].get(self.name, [])]
                rest = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
                if not rest:
                    break
                time.sleep(pause)
            else:
                raise Unavailable("DynamoDB left reads of the manifest unanswered; they are tried again.")
        return rows

    def put_many(self, rows: Iterable[Row]) -> None:
        """Write rows without conditions."""
        items = [{"PutRequest": {"Item": to_item(row)}} for row in rows]
        for start in range(0, len(items), _BATCH_PUT_ITEMS):
            rest = items[start : start + _BATCH_PUT_ITEMS]
            for pause in _pauses():
                with ours_to_retry("writing the manifest"):
                    answer = client("dynamodb").batch_write_item(RequestItems={self.name: rest})
                rest = answer.get("UnprocessedItems", {}).get(self.name, [])
                if not rest:
                    break
                time.sleep(pause)
            else:
                raise Unavailable("DynamoDB left writes to the manifest undone; they are tried again.")

    def query(self, **query: Any) -> Iterator[Row]:  # noqa: ANN401 - Query's own arguments
        """All rows of a query, page after page."""
        while True:
            with ours_to_retry("querying the manifest"):
                answer = client("dynamodb").query(TableName=self.name, **query)
            yield from (of_item(item) for item in answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def count(self, at_most: int | None = None, **query: Any) -> int:  # noqa: ANN401 - as above
        """How many rows a query without a filter finds, counted up to `at_most`, without reading them."""
        found: int = 0
        while at_most is None or found < at_most:
            limit = {} if at_most is None else {"Limit": at_most - found}
            with ours_to_retry("counting in the manifest"):
                page = client("dynamodb").query(TableName=self.name, Select="COUNT", **query, **limit)
            found += page["Count"]
            if "LastEvaluatedKey" not in page:
                break
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        return found

    def put_if_absent(self, row: Row) -> bool:
        """Write one row; False if it is there already."""
        try:
            with ours_to_retry("writing the manifest"):
                client("dynamodb").put_item(
                    TableName=self.name, Item=to_item(row), ConditionExpression="attribute_not_exists(pk)"
                )
        except Unavailable as failure:
            if _is_condition(failure):
                return False
            raise
        return True

    def update(self, row_key: Row, **update: Any) -> bool:  # noqa: ANN401 - UpdateItem's own arguments
        """Update one row; False if its condition does not hold."""
        try:
            with ours_to_retry("writing the manifest"):
                client("dynamodb").update_item(TableName=self.name, Key=to_item(row_key), **update)
        except Unavailable as failure:
            if _is_condition(failure):
                return False
            raise
        return True

    def remove(self, row_key: Row, **condition: Any) -> bool:  # noqa: ANN401 - DeleteItem's own arguments
        """Delete one row; False if the condition does not hold."""
        try:
            with ours_to_retry("writing the manifest"):
                client("dynamodb").delete_item(TableName=self.name, Key=to_item(row_key), **condition)
        except Unavailable as failure:
            if _is_condition(failure):
                return False
            raise
        return True

    def transact(self, actions: Sequence[dict[str, Any]]) -> None:
        """Commit all actions or none; conflicts with other writers are retried.

        Raises
        ------
        ConditionsFailed
            Some conditions did not hold; nothing was written.
        """
        named = [{verb: {"TableName": self.name, **body} for verb, body in action.items()} for action in actions]
        for pause in _pauses():
            try:
                with ours_to_retry("writing the manifest"):
                    client("dynamodb").transact_write_items(TransactItems=named)
                return
            except Unavailable as failure:
                reasons = _cancellation_reasons(failure)
                failed = [place for place, code in enumerate(reasons) if code == "ConditionalCheckFailed"]
                if failed:
                    raise ConditionsFailed(failed) from failure
                if "TransactionConflict" not in reasons:
                    raise
            time.sleep(pause)
        raise Unavailable("Too many write the same rows of the manifest at a time; the write is tried again.")


def _pauses() -> Iterator[float]:
    """Seconds between attempts: doubling, with full jitter, so that rivals do not meet again."""
    for attempt in range(_ATTEMPTS):
        yield random.uniform(0, _FIRST_PAUSE_SECONDS * 2**attempt)


def _is_condition(failure: Unavailable) -> bool:
    cause = failure.__cause__
    return isinstance(cause, ClientError) and error_code(cause) == "ConditionalCheckFailedException"


def _cancellation_reasons(failure: Unavailable) -> list[str]:
    cause = failure.__cause__
    if not isinstance(cause, ClientError) or error_code(cause) != "TransactionCanceledException":
        return []
    return [reason.get("Code", "") for reason in cause.response.get("CancellationReasons", [])]
