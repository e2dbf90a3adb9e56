"""The ledger of deliveries on the manifest table."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from imaging.aws.delivery_rows import (
    REFUSED_MARK,
    deliveries_partition,
    delivery_key,
    delivery_of,
    delivery_row,
    instance_delivery_key,
    instances_prefix,
    lease_key,
    revisions_prefix,
)
from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import PENDING_SHARDS, Row, study_names, timestamp, to_item
from imaging.model.delivery import Delivery
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.ports.ledger import StudyLease

_BEGINS = "begins_with(sk, :sk)"


class DynamoDbLedger:
    """`imaging.ports.ledger`: DeliveryLedger and StudyDeliveries on the manifest table."""

    def __init__(self, table: ManifestTable) -> None:
        self._table = table

    def read_instance(self, binding: str, key: InstanceKey) -> Delivery | None:
        """The entry of an instance."""
        row = self._table.get(instance_delivery_key(binding, key))
        return delivery_of(row) if row else None

    def read_instances(self, binding: str, study: StudyKey) -> dict[InstanceKey, Delivery]:
        """The entries of all instances of a study."""
        found = map(delivery_of, self._rows(study, _BEGINS, instances_prefix(binding)))
        return {one.subject: one for one in found if isinstance(one.subject, InstanceKey)}

    def read_revisions(self, binding: str, study: StudyKey) -> dict[int, Delivery]:
        """The entries of all revisions of a study, by number."""
        return {one.number: one for one in map(delivery_of, self._rows(study, _BEGINS, revisions_prefix(binding)))}

    def swap(self, before: Delivery | None, after: Delivery) -> bool:
        """Write an entry if it still is as it was read.

        Where the answer to a write was lost, the client tries it again and
        meets its own row: that is as it was to be.
        """
        if not self._table.update(delivery_key(after), **_replacement(before, after)):
            row = self._table.get(delivery_key(after))
            return row is not None and delivery_of(row) == after
        return True

    def lease(self, binding: str, study: StudyKey, token: str, *, now: datetime, until: datetime) -> StudyLease | None:
        """Be the only one until then; None if another is."""
        names = study_names(study)
        self._table.update(
            lease_key(binding, study),
            UpdateExpression="SET #lease = :token, leased_until = :until, #space = :space, study_instance_uid = :study",
            ConditionExpression="attribute_not_exists(#lease) OR leased_until < :now",
            ExpressionAttributeNames={"#lease": "lease", "#space": "space"},
            ExpressionAttributeValues=to_item(
                {
                    ":token": token,
                    ":until": timestamp(until),
                    ":now": timestamp(now),
                    ":space": names["space"],
                    ":study": names["study_instance_uid"],
                }
            ),
        )
        row = self._table.get(lease_key(binding, study)) or {}
        return StudyLease(binding, study, token, row.get("told", 0)) if row.get("lease") == token else None

    def release(self, lease: StudyLease, told: int) -> bool:
        """Give the lease back; False if another has taken it over."""
        return self._table.update(
            lease_key(lease.binding, lease.study),
            UpdateExpression="SET told = :told REMOVE #lease, leased_until",
            ConditionExpression="#lease = :token",
            ExpressionAttributeNames={"#lease": "lease"},
            ExpressionAttributeValues=to_item({":told": told, ":token": lease.token}),
        )

    def read_deliveries(self, study: StudyKey, *, after: str, offset: int, limit: int) -> tuple[list[Delivery], str]:
        """Entries of all bindings, in the order of their keys; the last key, where there are more."""
        rows = list(islice(self._rows(study, "sk > :sk", after), offset, offset + limit + 1))
        entries = [delivery_of(row) for row in rows[:limit]]
        return entries, rows[limit - 1]["sk"] if len(rows) > limit else ""

    def read_refused(self, before: datetime) -> Iterator[tuple[str, StudyKey]]:
        """The binding and the study of each delivery that was refused and not made good since."""
        for shard in range(PENDING_SHARDS):
            rows = self._table.query(
                IndexName="pending",
                KeyConditionExpression="pending = :pending AND pending_since < :before",
                ExpressionAttributeValues=to_item(
                    {":pending": f"{REFUSED_MARK}#{shard}", ":before": timestamp(before)}
                ),
            )
            for row in rows:
                yield str(row["sk"]).partition("#")[0], StudyKey(row["space"], row["study_instance_uid"])

    def _rows(self, study: StudyKey, condition: str, sort_key: str) -> Iterator[Row]:
        values = {":pk": deliveries_partition(study)} | ({":sk": sort_key} if sort_key else {})
        return self._table.query(
            KeyConditionExpression="pk = :pk" + (f" AND {condition}" if sort_key else ""),
            ExpressionAttributeValues=to_item(values),
            ConsistentRead=True,
        )


_COMPARED = ("change_number", "revision", "outcome", "at", "tries", "claim")
_REMOVABLE = ("reason", "claim", "claimed_until", "pending", "pending_since")


def _replacement(before: Delivery | None, after: Delivery) -> Row:
    """An update that leaves nothing of the entry before, on condition that it is as it was read."""
    row = {name: value for name, value in delivery_row(after).items() if name not in ("pk", "sk")}
    sets = {name: value for name, value in row.items() if value not in (None, "")}
    removes = [name for name in _REMOVABLE if name not in sets]
    condition, names, values = _as_read(before)
    return {
        "UpdateExpression": "SET "
        + ", ".join(f"#{name} = :{name}" for name in sets)
        + (f" REMOVE {', '.join(f'#{name}' for name in removes)}" if removes else ""),
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {f"#{name}": name for name in (*sets, *removes, *names)},
        "ExpressionAttributeValues": to_item({**{f":{name}": value for name, value in sets.items()}, **values}),
    }


def _as_read(before: Delivery | None) -> tuple[str, tuple[str, ...], Row]:
    """The condition, the names of the attributes in it, and its values."""
    if before is None:
        return "attribute_not_exists(#outcome)", ("outcome",), {}
    row = delivery_row(before)
    held = {name: row[name] for name in _COMPARED if row.get(name) not in (None, "")}
    conditions = [f"#{name} = :seen_{name}" for name in held]
    if not before.claim:
        conditions.append("attribute_not_exists(#claim)")
    return " AND ".join(conditions), (*held, "claim"), {f":seen_{name}": value for name, value in held.items()}
