"""What an INSTANCE row carries until the feed has taken it: its changes, and what they add to a space's totals.

`untold` is a list of small maps, oldest first: ``n``, ``action`` and
``version`` of a change, and ``studies``, ``series``, ``instances`` and
``bytes`` where it adds to or takes from them. One without ``n`` is no change
that anyone is told, and corrects totals only.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from imaging.aws.rows import Row, instance_row_key, pending_mark, timestamp, to_item
from imaging.model.feed import SpaceTotals
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Action, Instance
from imaging.ports.manifest import Change, PendingKind

TOTALS = ("studies", "series", "instances", "bytes")

SET_UNTOLD = (
    "#untold = list_append(if_not_exists(#untold, :told_all), :untold), "
    "#pending = :pending, #pending_since = if_not_exists(#pending_since, :pending_since)"
)
"""Of an UpdateExpression; its placeholders are `untold_names` and `untold_values`."""


def entries_of(change: Change, *, studies: int = 0, series: int = 0) -> list[Row]:
    """What a change leaves to be told: one entry, or none if there is nothing to tell."""
    before, after = change.before, change.after
    adds = {
        "studies": studies,
        "series": series,
        "instances": _is_there(after) - _is_there(before),
        "bytes": _bytes(after) - _bytes(before),
    }
    if change.is_told:
        return [{**told(after), **_nonzero(adds)}]
    return [_nonzero(adds)] if any(adds.values()) else []


def restored(instance: Instance) -> Row:
    """What a restored row tells: that it is there, under the number it had."""
    return {**told(instance), "action": Action.CREATE.value, "instances": 1, "bytes": instance.size_bytes}


def told(instance: Instance) -> Row:
    """An instance's last change as a reader of the feed is told it."""
    return {"n": instance.change_number, "action": instance.action.value, "version": instance.version_id}


def untold_names() -> dict[str, str]:
    """The names that `SET_UNTOLD` uses."""
    return {f"#{name}": name for name in ("untold", "pending", "pending_since")}


def untold_values(key: InstanceKey, entries: Sequence[Row], at: datetime) -> Row:
    """The values that `SET_UNTOLD` uses."""
    return {":told_all": [], **{f":{name}": value for name, value in untold_marks(key, entries, at).items()}}


def untold_marks(key: InstanceKey, entries: Sequence[Row], since: datetime) -> Row:
    """The attributes of a row that is put whole."""
    return {
        "untold": list(entries),
        "pending": pending_mark(PendingKind.ANNOUNCE_CHANGE, key.study),
        "pending_since": timestamp(since),
    }


def leave_untold(key: InstanceKey, entries: Sequence[Row], at: datetime) -> dict[str, Any]:
    """The action that adds entries to a row that is there."""
    return {
        "Update": {
            "Key": to_item(instance_row_key(key)),
            "UpdateExpression": f"SET {SET_UNTOLD}",
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeNames": untold_names(),
            "ExpressionAttributeValues": to_item(untold_values(key, entries, at)),
        }
    }


def sum_of(entries: Iterable[Row]) -> SpaceTotals:
    """What entries add in all."""
    found = list(entries)
    return SpaceTotals(**{name: sum(entry.get(name, 0) for entry in found) for name in TOTALS})


def _is_there(instance: Instance | None) -> bool:
    return instance is not None and not instance.deleted


def _bytes(instance: Instance | None) -> int:
    return instance.size_bytes if instance and not instance.deleted else 0


def _nonzero(adds: Mapping[str, int]) -> Row:
    return {name: count for name, count in adds.items() if count}
