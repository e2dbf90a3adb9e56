"""The row in which `reconcile` notes how far it has come with a space."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import Row, timestamp, to_item
from imaging.model.reconciliation import Pass, Phase, Reconciled


class DynamoDbReconcilePasses:
    """`imaging.ports.reconciliation.ReconcilePasses` on the manifest table."""

    def __init__(self, table: ManifestTable) -> None:
        self._table = table

    def read(self, space: str) -> Pass | None:
        """The pass under way or the last one."""
        row = self._table.get(_row_key(space))
        return _pass_of(row) if row else None

    def begin(self, space: str, at: datetime, leased_until: datetime) -> Pass:
        """Begin anew, whatever was under way."""
        begun = Pass(space, uuid4().hex, at)
        self._table.update(
            _row_key(space),
            **_setting({**_progress(begun), "began_at": timestamp(at), "token": begun.token}, leased_until),
        )
        return begun

    def resume(self, under_way: Pass, at: datetime, leased_until: datetime) -> Pass | None:
        """Go on with a pass; None if somebody is at it, or has been since it was read."""
        token = uuid4().hex
        resumed = self._table.update(
            _row_key(under_way.space),
            **_setting(
                {"token": token},
                leased_until,
                "#token = :seen AND (attribute_not_exists(leased_until) OR leased_until < :now)",
                {":seen": under_way.token, ":now": timestamp(at)},
            ),
        )
        return Pass(**{**vars(under_way), "token": token}) if resumed else None

    def keep(self, under_way: Pass, leased_until: datetime) -> bool:
        """Note how far it has come; False if another slice has taken over."""
        return self._table.update(
            _row_key(under_way.space),
            **_setting(_progress(under_way), leased_until, "#token = :seen", {":seen": under_way.token}),
        )


def _row_key(space: str) -> Row:
    return {"pk": f"RECONCILE#{space}", "sk": "PASS"}


def _progress(under_way: Pass) -> Row:
    return {
        "phase": under_way.phase.value,
        "position": under_way.position,
        "ended_at": timestamp(under_way.ended_at) if under_way.ended_at else "",
        "found": under_way.found.as_counts(),
    }


def _setting(row: Row, leased_until: datetime, condition: str = "", values: Row | None = None) -> dict[str, Any]:
    """UpdateItem's arguments; what is empty is removed."""
    sets = {name: value for name, value in {**row, "leased_until": timestamp(leased_until)}.items() if value != ""}
    removes = sorted(row.keys() - sets.keys())
    update: dict[str, Any] = {
        "UpdateExpression": "SET "
        + ", ".join(f"#{name} = :{name}" for name in sets)
        + (" REMOVE " + ", ".join(f"#{name}" for name in removes) if removes else ""),
        "ExpressionAttributeNames": {f"#{name}": name for name in (*sets, *removes, *(["token"] if condition else []))},
        "ExpressionAttributeValues": to_item({**{f":{name}": value for name, value in sets.items()}, **(values or {})}),
    }
    return {**update, "ConditionExpression": condition} if condition else update


def _pass_of(row: Row) -> Pass:
    return Pass(
        space=row["pk"].partition("#")[2],
        token=row["token"],
        began_at=datetime.fromisoformat(row["began_at"]),
        phase=Phase(row["phase"]),
        position=row.get("position", ""),
        ended_at=datetime.fromisoformat(row["ended_at"]) if "ended_at" in row else None,
        found=Reconciled(**row["found"]),
    )
