"""What could not be written to FHIR, read from the sparse index of work left."""

import heapq
from collections.abc import Iterator
from itertools import groupby, islice
from typing import NamedTuple

from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.publication_rows import error_key, error_mark, error_of
from imaging.aws.rows import Row, to_item
from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind, FhirError


class _Place(NamedTuple):
    """Where an entry stands in the order of all; its text is the cursor behind it."""

    since: str
    study_instance_uid: str
    kind: str

    @classmethod
    def of(cls, cursor: str) -> "_Place":
        since, study_instance_uid, kind = cursor.split("~")
        return cls(f"{since.removesuffix('Z')}+00:00", study_instance_uid, kind)

    @property
    def cursor(self) -> str:
        return "~".join((self.since.replace("+00:00", "Z"), self.study_instance_uid, self.kind))


class DynamoDbFhirErrors:
    """`imaging.ports.publication.FhirErrors` on the manifest table.

    The index holds each kind of a space by itself, so that many of one kind are
    not in the way of who looks for another. It lags behind a little: the rows
    themselves, read consistently, say what an entry is now.
    """

    def __init__(self, table: ManifestTable) -> None:
        self._table = table

    def read_errors(self, space: str, kind: ErrorKind | None, *, after: str, limit: int) -> tuple[list[FhirError], str]:
        """Newest first, behind the cursor `after`, and the next cursor."""
        behind = _Place.of(after) if after else None
        kinds = [kind] if kind else list(ErrorKind)
        listed = heapq.merge(*(self._listed(space, one, behind, limit) for one in kinds), reverse=True)
        found: dict[tuple[str, ErrorKind], FhirError] = {}
        last = behind
        while len(found) < limit and (places := list(islice(listed, limit - len(found)))):
            last = places[-1]
            found |= self._entries(space, places)
        return list(found.values()), last.cursor if last and next(listed, None) else ""

    def read_errors_of(self, study: StudyKey) -> list[FhirError]:
        """Those of a study, what was left out first."""
        row_keys = [error_key(study, kind) for kind in (ErrorKind.INVALID_TAG, ErrorKind.NOT_PUBLISHED)]
        return [error_of(row) for row in map(self._table.get, row_keys) if row]

    def count_errors(self, space: str, kind: ErrorKind, at_most: int | None = None) -> int:
        """How many of a kind there are, or `at_most`."""
        return self._table.count(at_most, **_of_kind(space, kind))

    def _listed(self, space: str, kind: ErrorKind, behind: _Place | None, at_a_time: int) -> Iterator[_Place]:
        """The places of a kind, newest first; the index orders those of one moment in no way of ours."""
        rows = self._table.query(**_of_kind(space, kind, behind), ScanIndexForward=False, Limit=at_a_time + 1)
        for _, of_one_moment in groupby(rows, key=_since):
            places = [_Place(_since(row), row["study_instance_uid"], kind.value) for row in of_one_moment]
            yield from (place for place in sorted(places, reverse=True) if behind is None or place < behind)

    def _entries(self, space: str, places: list[_Place]) -> dict[tuple[str, ErrorKind], FhirError]:
        """The entries that still are of the kind they were listed under, in their order."""
        row_keys = [error_key(StudyKey(space, place.study_instance_uid), ErrorKind(place.kind)) for place in places]
        distinct = {(row_key["pk"], row_key["sk"]): row_key for row_key in row_keys}
        entries = {(row["pk"], row["sk"]): error_of(row) for row in self._table.get_many(distinct.values())}
        found = {}
        for place, row_key in zip(places, row_keys, strict=True):
            entry = entries.get((row_key["pk"], row_key["sk"]))
            if entry and entry.kind == place.kind:
                found[place.study_instance_uid, entry.kind] = entry
        return found


def _of_kind(space: str, kind: ErrorKind, behind: _Place | None = None) -> Row:
    condition, values = "pending = :pending", {":pending": error_mark(space, kind)}
    if behind:
        condition, values = f"{condition} AND pending_since <= :since", {**values, ":since": behind.since}
    return {
        "IndexName": "pending",
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": to_item(dict(values)),
    }


def _since(row: Row) -> str:
    return str(row["pending_since"])
