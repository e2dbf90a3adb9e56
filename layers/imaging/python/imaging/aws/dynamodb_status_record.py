"""The status of the deployment, in a row of the manifest."""

import zlib
from datetime import datetime

from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import Row, timestamp, to_item

_ROW_KEY: Row = {"pk": "STATUS", "sk": "LAST"}


class DynamoDbStatusRecord:
    """`imaging.ports.status_record.StatusRecord` on the manifest table."""

    def __init__(self, table: ManifestTable) -> None:
        self._table = table

    def keep(self, document: str, as_of: datetime) -> bool:
        """Put it in the place of an older one."""
        return self._table.update(
            _ROW_KEY,
            UpdateExpression="SET #kind = :kind, as_of = :as_of, #document = :document",
            ConditionExpression="attribute_not_exists(as_of) OR as_of < :as_of",
            ExpressionAttributeNames={"#kind": "kind", "#document": "document"},
            ExpressionAttributeValues=to_item(
                {":kind": "STATUS", ":as_of": timestamp(as_of), ":document": zlib.compress(document.encode())}
            ),
        )

    def read(self) -> str | None:
        """The document."""
        row = self._table.get(_ROW_KEY)
        return zlib.decompress(row["document"]).decode() if row else None
