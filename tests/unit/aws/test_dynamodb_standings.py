"""Where studies stand on their way to FHIR, while publishers are at work."""

from datetime import timedelta
from uuid import uuid4

import pytest

from imaging.aws.dynamodb_pending import DynamoDbPendingWork
from imaging.aws.dynamodb_publications import DynamoDbPublications
from imaging.aws.dynamodb_standings import DynamoDbPublicationStandings
from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import pending_mark, revision_row_key, study_names
from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind, FhirError, Publication
from imaging.model.publication_state import PublicationStanding, PublicationState
from imaging.ports.manifest import PendingKind
from tests.fakes import START
from tests.manifest_table import create_manifest_table

SOON = START + timedelta(minutes=2)


@pytest.fixture(scope="module")
def table(embedded_aws) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


@pytest.fixture
def study(table) -> StudyKey:
    """A study whose first revision waits to be published."""
    study = StudyKey(f"space-{uuid4().hex}", "1.2")
    mark = {"pending": pending_mark(PendingKind.PUBLISH, study), "pending_since": START.isoformat()}
    table.put_many([{**revision_row_key(study, 1), **study_names(study), **mark, "kind": "REVISION"}])
    return study


def publish(table: ManifestTable, study: StudyKey, *entries: FhirError) -> None:
    """As stage 5 does: recorded first, and then the mark is removed."""
    publications = DynamoDbPublications(table)
    lease = publications.lease(study, "a", now=START, until=SOON)
    assert lease
    assert publications.published(lease, Publication(study, 1, START), entries)
    DynamoDbPendingWork(table, publishes_to_fhir=True).revision_published(study, 1)


class Overtaken(ManifestTable):
    """A table in which the study is published right after its record was looked for."""

    def __init__(self, table: ManifestTable, study: StudyKey) -> None:
        super().__init__(table.name)
        self._study: StudyKey | None = study

    def get_many(self, row_keys):
        rows = super().get_many(row_keys)
        if self._study:
            study, self._study = self._study, None
            publish(self, study)
        return rows


def standing(table: ManifestTable, study: StudyKey) -> PublicationStanding:
    return DynamoDbPublicationStandings(table).read_standings({study: 1})[study]


def test_a_revision_waits_until_it_is_recorded(table, study):
    assert standing(table, study) == PublicationStanding(Publication(study), (), is_asked_for=True)
    DynamoDbPublications(table).lease(study, "a", now=START, until=SOON)
    assert standing(table, study).state(1) is PublicationState.WAITING
    publish(table, study)
    assert standing(table, study) == PublicationStanding(Publication(study, 1, START))


def test_a_revision_that_is_published_meanwhile_is_never_said_to_be_forgotten(table, study):
    assert standing(Overtaken(table, study), study).state(1) is PublicationState.PUBLISHED


def test_both_entries_of_a_study_are_told_what_was_left_out_first(table, study):
    left_out, retrying = (
        FhirError(study, 1, kind, "PatientSex is no sex.", 1, START)
        for kind in (ErrorKind.INVALID_TAG, ErrorKind.RETRYING)
    )
    publish(table, study, retrying, left_out)
    assert standing(table, study).entries == (left_out, retrying)


def test_many_studies_are_told_apart(table, study):
    others = {StudyKey(study.space, f"1.3.{number}"): number % 2 for number in range(150)}
    publish(table, study)
    found = DynamoDbPublicationStandings(table).read_standings({study: 1, **others})
    assert found.keys() == {study, *others}
    assert found[study].state(1) is PublicationState.PUBLISHED
    assert {found[each].state(number) for each, number in others.items() if number} == {PublicationState.NONE}
    assert {found[each].state(number) for each, number in others.items() if not number} == {PublicationState.WAITING}
    assert DynamoDbPublicationStandings(table).read_standings({}) == {}
