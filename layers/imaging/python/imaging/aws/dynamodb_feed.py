"""Changes come into the feed: numbers are given out inside the transaction that writes them.

One transaction moves the HEAD, puts a FEED row and takes from INSTANCE rows
what they had to tell, each only as it was read. So there are no gaps, nothing
becomes visible out of order, and whoever repeats finds nothing left to tell.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from imaging.aws.dynamodb_table import ConditionsFailed, ManifestTable
from imaging.aws.feed_ceiling import FeedCeiling
from imaging.aws.feed_rows import feed_row, head_row_key
from imaging.aws.rows import Row, instance_row_key, timestamp, to_item
from imaging.aws.untold import TOTALS, sum_of
from imaging.errors import Unavailable
from imaging.model.feed import BLOCK, FeedBatch, FeedChange
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Action
from imaging.ports.objects import ObjectStore

_INSTANCES_AT_A_TIME = 95  # of 100 actions; the HEAD and the FEED row are two
_CHANGES_AT_A_TIME = 200
_ATTEMPTS = 20
_FIRST_PAUSE_SECONDS = 0.01
_LONGEST_PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class _Taken:
    """What a batch takes from one row, and what it leaves."""

    key: InstanceKey
    seen: list[Row]
    taken: list[Row]

    @property
    def left(self) -> list[Row]:
        return self.seen[len(self.taken) :]


class DynamoDbChangeFeed:
    """`imaging.ports.feed.ChangeFeed` on the manifest table, its ceilings in the spaces' buckets."""

    def __init__(self, table: ManifestTable, objects: ObjectStore) -> None:
        self._table = table
        self._ceiling = FeedCeiling(objects)

    def append(self, keys: Iterable[InstanceKey], clock: Callable[[], datetime]) -> Iterator[FeedBatch]:
        """Take all that these instances have not told yet; see the port."""
        by_space: dict[str, dict[InstanceKey, None]] = {}
        for key in keys:
            by_space.setdefault(key.space, {})[key] = None
        for space, of_space in by_space.items():
            yield from self._append(space, list(of_space), clock)

    def _append(self, space: str, waiting: list[InstanceKey], clock: Callable[[], datetime]) -> Iterator[FeedBatch]:
        attempts = 0
        while waiting:
            head, untold = self._read(space, waiting[:_INSTANCES_AT_A_TIME])
            if not untold:
                waiting = waiting[_INSTANCES_AT_A_TIME:]
                continue
            at = clock()
            if head is None:
                self._begin(space, at)
                continue
            if head["table"] != self._table.name:
                self._begin_above(space, head)
                continue
            if head["last"] % BLOCK == 0:
                self._ceiling.raise_to(space, head["last"] + BLOCK)
            taken = _take(untold, room=min(_CHANGES_AT_A_TIME, BLOCK - head["last"] % BLOCK))
            batch = _batch(space, head, taken, at)
            try:
                self._table.transact(_actions(space, head, batch, taken, at))
            except ConditionsFailed:
                attempts += 1
                if attempts == _ATTEMPTS:
                    raise Unavailable("Too many append to the change feed at a time; it is tried again.") from None
                # Whoever was quicker has moved the HEAD, or the instance has changed again: all is read anew.
                time.sleep(random.uniform(0, min(_FIRST_PAUSE_SECONDS * 2**attempts, _LONGEST_PAUSE_SECONDS)))
                continue
            attempts = 0
            done = {one.key for one in taken if not one.left}
            rest = [key for key in untold if key not in done]
            waiting = rest + waiting[_INSTANCES_AT_A_TIME:]
            if batch:
                yield batch

    def _read(self, space: str, keys: Sequence[InstanceKey]) -> tuple[Row | None, dict[InstanceKey, list[Row]]]:
        """The HEAD, and what each of the instances has to tell, in the order given."""
        places = {(row_key["pk"], row_key["sk"]): key for key in keys for row_key in [instance_row_key(key)]}
        head, untold = None, {}
        for row in self._table.get_many([head_row_key(space), *map(instance_row_key, keys)]):
            if row["sk"] == "HEAD":
                head = row
            elif row.get("untold"):
                untold[places[row["pk"], row["sk"]]] = row["untold"]
        return head, {key: untold[key] for key in keys if key in untold}

    def _begin(self, space: str, at: datetime) -> None:
        """A table that knows nothing of the feed begins above all numbers that another may have given out."""
        begins_after = self._ceiling.read(space)
        self._table.put_if_absent(
            {
                **head_row_key(space),
                "kind": "FEED_HEAD",
                "space": space,
                "table": self._table.name,
                "begins_after": begins_after,
                "last": begins_after,
                "time": timestamp(at),
            }
        )

    def _begin_above(self, space: str, head: Row) -> None:
        """The same for a table that was made of an earlier state of another, whose totals are those of its rows."""
        self._table.update(
            head_row_key(space),
            UpdateExpression="SET #last = :ceiling, begins_after = :ceiling, #table = :here",
            ConditionExpression="#last = :seen AND #table = :there",
            ExpressionAttributeNames={"#last": "last", "#table": "table"},
            ExpressionAttributeValues=to_item(
                {
                    ":ceiling": self._ceiling.read(space),
                    ":here": self._table.name,
                    ":seen": head["last"],
                    ":there": head["table"],
                }
            ),
        )


def _take(untold: dict[InstanceKey, list[Row]], room: int) -> list[_Taken]:
    """As many changes as there is room for, those of an instance in their order."""
    taken = []
    for key, entries in untold.items():
        some = []
        for entry in entries:
            if "n" in entry:
                if not room:
                    break
                room -= 1
            some.append(entry)
        if some:
            taken.append(_Taken(key, entries, some))
    return taken


def _batch(space: str, head: Row, taken: Sequence[_Taken], at: datetime) -> FeedBatch | None:
    """The changes with their numbers; None if there are only corrections of totals."""
    told_at = datetime.fromisoformat(max(head["time"], timestamp(at)))
    told = [(one.key, entry) for one in taken for entry in one.taken if "n" in entry]
    changes = tuple(
        FeedChange(
            sequence=sequence,
            key=key,
            action=Action(entry["action"]),
            change_number=entry["n"],
            version_id=entry["version"],
            told_at=told_at,
        )
        for sequence, (key, entry) in enumerate(told, start=head["last"] + 1)
    )
    return FeedBatch(space, changes) if changes else None


def _actions(
    space: str, head: Row, batch: FeedBatch | None, taken: Sequence[_Taken], at: datetime
) -> list[dict[str, Any]]:
    actions = [_move_head(space, head, batch, taken), *map(_take_from, taken)]
    if batch:
        row = to_item(feed_row(batch, at))
        actions.append({"Put": {"Item": row, "ConditionExpression": "attribute_not_exists(pk)"}})
    return actions


def _move_head(space: str, head: Row, batch: FeedBatch | None, taken: Sequence[_Taken]) -> dict[str, Any]:
    added = sum_of(entry for one in taken for entry in one.taken)
    adds = {name: count for name in TOTALS if (count := getattr(added, name))}
    last, told_at = (batch.last, timestamp(batch.changes[0].told_at)) if batch else (head["last"], head["time"])
    expression = "SET #last = :last, #time = :time"
    if adds:
        expression += " ADD " + ", ".join(f"#{name} :{name}" for name in adds)
    return {
        "Update": {
            "Key": to_item(head_row_key(space)),
            "UpdateExpression": expression,
            "ConditionExpression": "#last = :seen",
            "ExpressionAttributeNames": {f"#{name}": name for name in ("last", "time", *adds)},
            "ExpressionAttributeValues": to_item(
                {
                    ":last": last,
                    ":time": told_at,
                    ":seen": head["last"],
                    **{f":{name}": count for name, count in adds.items()},
                }
            ),
        }
    }


def _take_from(one: _Taken) -> dict[str, Any]:
    return {
        "Update": {
            "Key": to_item(instance_row_key(one.key)),
            "UpdateExpression": "SET #untold = :left" if one.left else "REMOVE #untold, #pending, #pending_since",
            "ConditionExpression": "#untold = :seen",
            "ExpressionAttributeNames": {"#untold": "untold"}
            | ({} if one.left else {"#pending": "pending", "#pending_since": "pending_since"}),
            "ExpressionAttributeValues": to_item({":seen": one.seen} | ({":left": one.left} if one.left else {})),
        }
    }
