"""The index by arrival, from the newest on."""

from collections.abc import Iterator
from datetime import datetime

from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import timestamp, to_item
from imaging.ports.arrivals import ArrivalPlace

_BEFORE_ALL, _AFTER_ALL = "0", "9999-13"


class DynamoDbArrivals:
    """`imaging.ports.arrivals.Arrivals` on the manifest table."""

    def __init__(self, table: ManifestTable) -> None:
        self._table = table

    def list_arrivals(
        self, space: str, *, first: datetime | None, last: datetime | None, at_a_time: int
    ) -> Iterator[ArrivalPlace]:
        """Studies of a space, by falling place; see the port."""
        since = timestamp(first) if first else _BEFORE_ALL
        until = timestamp(last) if last else _AFTER_ALL
        if since > until:  # DynamoDB refuses what nothing can be between
            return
        rows = self._table.query(
            IndexName="by_arrival",
            KeyConditionExpression="#space = :space AND opened_at BETWEEN :first AND :last",
            ExpressionAttributeNames={"#space": "space"},
            ExpressionAttributeValues=to_item({":space": space, ":first": since, ":last": until}),
            ScanIndexForward=False,
            Limit=at_a_time,
        )
        for row in rows:
            yield ArrivalPlace(datetime.fromisoformat(row["opened_at"]), row["study_instance_uid"], row["space"])
