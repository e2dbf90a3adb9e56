"""Where studies stand in FHIR, and who publishes them, on the manifest table."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from imaging.aws.dynamodb_table import ConditionsFailed, ManifestTable
from imaging.aws.publication_rows import error_key, error_row, publication_key, publication_of, publication_row
from imaging.aws.rows import Row, study_names, timestamp, to_item
from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind, FhirError, Publication
from imaging.ports.publication import PublicationLease

_KEPT = {"kind": "FHIR_PUBLICATION"}


class DynamoDbPublications:
    """`imaging.ports.publication.Publications` on the manifest table.

    The study's row knows whether there are entries: a study without any, which
    is most of them, costs one write and no transaction. The row also names who
    let its lease go last, so that a write whose answer was lost, and which the
    client repeated, is not taken for another's.
    """

    def __init__(self, table: ManifestTable) -> None:
        self._table = table

    def lease(self, study: StudyKey, token: str, *, now: datetime, until: datetime) -> PublicationLease | None:
        """Be the only publisher of the study until then; None if another is."""
        self._table.update(
            publication_key(study),
            **_setting(
                {"lease": token, "leased_until": timestamp(until), **study_names(study), **_KEPT},
                condition="attribute_not_exists(#lease) OR #leased_until < :now OR #lease = :lease",
                values={":now": timestamp(now)},
            ),
        )
        row = self._table.get(publication_key(study)) or {}
        return PublicationLease(token, publication_of(study, row)) if row.get("lease") == token else None

    def noted(self, lease: PublicationLease, so_far: Publication) -> bool:
        """Record what the server confirmed so far, and what is about to be written; lease and entries stay."""
        update = _setting(
            publication_row(so_far), condition="#lease = :token", values={":token": lease.token}, names=["lease"]
        )
        return self._table.update(publication_key(so_far.study), **update)

    def published(self, lease: PublicationLease, after: Publication, entries: Sequence[FhirError]) -> bool:
        """Record what the server confirmed, replace the entries, and let the lease go."""
        study, row_key = after.study, publication_key(after.study)
        record = {**publication_row(after), "has_entries": True if entries else None}
        if not entries and self._table.update(
            row_key, **_settling(lease, record, "attribute_not_exists(#has_entries)")
        ):
            return True
        rows = [error_row(entry) for entry in entries]
        both = [error_key(study, kind) for kind in (ErrorKind.INVALID_TAG, ErrorKind.NOT_PUBLISHED)]
        mended = [key for key in both if not any(key.items() <= row.items() for row in rows)]
        actions: list[dict[str, Any]] = [
            {"Update": {"Key": to_item(row_key), **_settling(lease, record)}},
            *({"Delete": {"Key": to_item(key)}} for key in mended),
            *({"Put": {"Item": to_item(row)}} for row in rows),
        ]
        try:
            self._table.transact(actions)
        except ConditionsFailed:
            row = self._table.get(row_key) or {}
            return row.get("settled_by") == lease.token and publication_of(study, row) == after
        return True

    def failed(self, error: FhirError, lease: PublicationLease | None) -> None:
        """Put an entry in the place of the study's last one of its sort, and let the lease go.

        Who has lost the lease says nothing: another publisher does. Who never
        had one says nothing either if another has published that revision.
        """
        if lease:
            update = _settling(lease, {"has_entries": True})
        else:
            update = _setting(
                {"has_entries": True, **study_names(error.study), **_KEPT},
                condition="attribute_not_exists(#revision) OR #revision < :seen",
                values={":seen": error.revision},
                names=["revision"],
            )
        try:
            self._table.transact(
                [
                    {"Update": {"Key": to_item(publication_key(error.study)), **update}},
                    {"Put": {"Item": to_item(error_row(error))}},
                ]
            )
        except ConditionsFailed:
            return

    def read(self, study: StudyKey) -> Publication:
        """Where a study stands."""
        return publication_of(study, self._table.get(publication_key(study)))


def _settling(lease: PublicationLease, record: Row, condition: str = "") -> dict[str, Any]:
    """An update of the row of a study by who holds its lease, which ends with it."""
    return _setting(
        {**record, "settled_by": lease.token, "lease": None, "leased_until": None},
        condition="#lease = :token" + (f" AND {condition}" if condition else ""),
        values={":token": lease.token},
        names=["has_entries"] if condition else [],
    )


def _setting(row: Row, *, condition: str, values: Row, names: list[str] | None = None) -> dict[str, Any]:
    """An UpdateItem of these attributes; None removes one."""
    sets = {name: value for name, value in row.items() if value is not None}
    removes = [name for name in row if name not in sets]
    return {
        "UpdateExpression": "SET "
        + ", ".join(f"#{name} = :{name}" for name in sets)
        + (f" REMOVE {', '.join(f'#{name}' for name in removes)}" if removes else ""),
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {f"#{name}": name for name in (*row, *(names or []))},
        "ExpressionAttributeValues": to_item({**{f":{name}": value for name, value in sets.items()}, **values}),
    }
