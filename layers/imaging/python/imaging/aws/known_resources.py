"""Ids that a FHIR server chose, on the manifest table."""

from datetime import datetime

from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.publication_rows import known_resource_key
from imaging.aws.rows import timestamp, to_item


class DynamoDbKnownResources:
    """`imaging.ports.publication.KnownResources` on the manifest table.

    A name is a digest of what the resource is of; nothing here says of whom.
    Whoever's claim ran out before the server answered remembers its id all the
    same, over another's: a claim must outlast the longest answer.
    """

    def __init__(self, table: ManifestTable) -> None:
        self._table = table

    def find(self, name: str) -> str | None:
        """The server's logical id, if it was remembered."""
        row = self._table.get(known_resource_key(name)) or {}
        return row.get("logical_id")

    def claim(self, name: str, token: str, *, now: datetime, until: datetime) -> bool:
        """Be the only one to create it until then; False if another is, or its id is known."""
        return self._table.update(
            known_resource_key(name),
            UpdateExpression="SET claim = :token, claimed_until = :until",
            ConditionExpression="attribute_not_exists(logical_id) AND "
            "(attribute_not_exists(claim) OR claimed_until < :now OR claim = :token)",
            ExpressionAttributeValues=to_item({":token": token, ":until": timestamp(until), ":now": timestamp(now)}),
        )

    def remember(self, name: str, logical_id: str) -> None:
        """Keep the server's id; the claim is done with."""
        self._table.update(
            known_resource_key(name),
            UpdateExpression="SET logical_id = :logical_id REMOVE claim, claimed_until",
            ExpressionAttributeValues=to_item({":logical_id": logical_id}),
        )

    def give_back(self, name: str, token: str) -> None:
        """Nothing was created under this claim; another's, and an id that is known, stay."""
        self._table.update(
            known_resource_key(name),
            UpdateExpression="REMOVE claim, claimed_until",
            ConditionExpression="claim = :token",
            ExpressionAttributeValues=to_item({":token": token}),
        )

    def forget(self, name: str, logical_id: str) -> None:
        """The resource that had this id is gone; whatever else is known of the name by now stays."""
        self._table.update(
            known_resource_key(name),
            UpdateExpression="REMOVE logical_id",
            ConditionExpression="logical_id = :logical_id",
            ExpressionAttributeValues=to_item({":logical_id": logical_id}),
        )

    def speaks(self, name: str, at: datetime) -> bool:
        """Whether who says at that moment how it should be is the latest so far to say so."""
        return self._table.update(
            known_resource_key(name),
            UpdateExpression="SET spoken_at = :at",
            ConditionExpression="attribute_not_exists(spoken_at) OR spoken_at <= :at",
            ExpressionAttributeValues=to_item({":at": timestamp(at)}),
        )
