"""Where many studies stand on their way to FHIR, read in few calls."""

from collections.abc import Iterable, Mapping

from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.publication_rows import error_key, error_of, publication_key, publication_of
from imaging.aws.rows import Row, revision_row_key, study_of
from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind, FhirError
from imaging.model.publication_state import PublicationStanding


class DynamoDbPublicationStandings:
    """`imaging.ports.arrivals.PublicationStandings` on the manifest table.

    A study that is in FHIR as it is now, which most are, costs one row; its
    entries are read where its row says that there are any, and its revision
    where that has not been published.
    """

    def __init__(self, table: ManifestTable) -> None:
        self._table = table

    def read_standings(self, revisions: Mapping[StudyKey, int]) -> dict[StudyKey, PublicationStanding]:
        """That of each of these studies; see the port."""
        rows = self._rows(revisions)
        behind = [study for study, number in revisions.items() if _published(study, rows) < number]
        asked_for = self._asked_for({study: revisions[study] for study in behind})
        # A revision loses its mark after it was recorded as published, so this says what became of it meanwhile.
        rows |= self._rows(study for study in behind if study not in asked_for)
        entries = self._entries(study for study, row in rows.items() if row.get("has_entries"))
        return {
            study: PublicationStanding(
                publication_of(study, rows.get(study)), tuple(entries.get(study, ())), study in asked_for
            )
            for study in revisions
        }

    def _rows(self, studies: Iterable[StudyKey]) -> dict[StudyKey, Row]:
        return {study_of(row): row for row in self._table.get_many(map(publication_key, studies))}

    def _asked_for(self, revisions: Mapping[StudyKey, int]) -> set[StudyKey]:
        rows = self._table.get_many(revision_row_key(study, number) for study, number in revisions.items())
        return {study_of(row) for row in rows if row.get("pending")}

    def _entries(self, studies: Iterable[StudyKey]) -> dict[StudyKey, list[FhirError]]:
        kinds = (ErrorKind.INVALID_TAG, ErrorKind.NOT_PUBLISHED)
        row_keys = [error_key(study, kind) for study in studies for kind in kinds]
        entries: dict[StudyKey, list[FhirError]] = {}
        for row in sorted(self._table.get_many(row_keys), key=lambda row: str(row["sk"])):
            entries.setdefault(study_of(row), []).append(error_of(row))
        return entries


def _published(study: StudyKey, rows: Mapping[StudyKey, Row]) -> int:
    return publication_of(study, rows.get(study)).revision
