"""The marks that hide what was deleted, on the STUDY row."""

from datetime import datetime

from imaging.aws.dynamodb_table import ConditionsFailed, ManifestTable
from imaging.aws.rows import (
    LEASE,
    Row,
    deletions_row,
    pending_mark,
    study_names,
    study_of_row,
    study_row_key,
    timestamp,
    to_item,
)
from imaging.errors import Unavailable
from imaging.model.deletions import Deletions
from imaging.model.identifiers import StudyKey
from imaging.model.study import Study, StudyState
from imaging.ports.manifest import PendingKind

_ATTEMPTS = 20


class DynamoDbStudyDeletions:
    """`imaging.ports.manifest.StudyDeletions` on the manifest table."""

    def __init__(self, table: ManifestTable) -> None:
        self._table = table

    def mark(self, study: StudyKey, scope: str, until: datetime, at: datetime, *, is_unfinished: bool = False) -> None:
        """Hide the scope's rows of what was stored until then, and open the study; see the port."""
        for _ in range(_ATTEMPTS):
            row = self._table.get(study_row_key(study))
            seen = study_of_row(row) if row else None
            before = seen.deletions if seen else Deletions()
            if self._write(study, seen, before.adding(scope, until, at if is_unfinished else None), at):
                return
        raise Unavailable("A study moved on too quickly to mark what was deleted of it; it is tried again.")

    def lease(self, study: Study, until: datetime) -> bool:
        """Be the one that deletes objects until then; see the port."""
        assert study.deletions.leased_until
        try:
            self._table.transact(
                [
                    {
                        "Update": {
                            "Key": to_item(study_row_key(study.key)),
                            "UpdateExpression": "SET #deletions.#lease = :until",
                            "ConditionExpression": "#deletions.#lease = :seen",
                            "ExpressionAttributeNames": {"#deletions": "deletions", "#lease": LEASE},
                            "ExpressionAttributeValues": to_item(
                                {":until": timestamp(until), ":seen": timestamp(study.deletions.leased_until)}
                            ),
                        }
                    }
                ]
            )
        except ConditionsFailed:
            return False
        return True

    def _write(self, study: StudyKey, seen: Study | None, deletions: Deletions, at: datetime) -> bool:
        sets: Row = {
            "deletions": deletions_row(deletions),
            "state": StudyState.OPEN.value,
            "last_change_at": timestamp(at),
        }
        if seen is None or seen.state is StudyState.FINAL:
            sets["opened_at"] = sets["pending_since"] = timestamp(at)
            sets["pending"] = pending_mark(PendingKind.FINALIZE, study)
        if seen is None:
            counts = dict.fromkeys(("changes", "instances", "series", "revision"), 0)
            sets |= {**study_names(study), "kind": "STUDY", **counts}
        try:
            # A transaction, since that is tried again where indexing writes the same row at this moment.
            self._table.transact([_update(study, seen, sets)])
        except ConditionsFailed:
            return False
        return True


def _update(study: StudyKey, seen: Study | None, sets: Row) -> dict[str, Row]:
    condition, values = _as_read(seen)
    return {
        "Update": {
            "Key": to_item(study_row_key(study)),
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in sets),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {f"#{name}": name for name in sets},
            "ExpressionAttributeValues": to_item({**values, **{f":{name}": value for name, value in sets.items()}}),
        }
    }


def _as_read(seen: Study | None) -> tuple[str, Row]:
    if seen is None:
        return "attribute_not_exists(pk)", {}
    state = {":seen_state": seen.state.value}
    if seen.deletions:
        return "#state = :seen_state AND #deletions = :seen_deletions", {
            **state,
            ":seen_deletions": deletions_row(seen.deletions),
        }
    return "#state = :seen_state AND attribute_not_exists(#deletions)", state
