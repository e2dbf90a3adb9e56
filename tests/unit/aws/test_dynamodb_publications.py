"""Where studies stand in FHIR, and that what other tests keep of it in memory is like it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from imaging.aws.clients import client
from imaging.aws.dynamodb_fhir_errors import DynamoDbFhirErrors
from imaging.aws.dynamodb_publications import DynamoDbPublications
from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.known_resources import DynamoDbKnownResources
from imaging.aws.manifest_stream import read_stream_record
from imaging.aws.publication_rows import error_key, publication_key
from imaging.aws.rows import to_item
from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind, FhirError, Publication
from imaging.ports.publication import KnownResources, PublicationLease, Publications
from tests.fakes import START
from tests.manifest_table import create_manifest_table
from tests.unit.pipeline.publishing import FakeKnownResources, FakePublications

SOON = START + timedelta(minutes=2)
LATER = START + timedelta(minutes=5)


@pytest.fixture(scope="module")
def table(embedded_aws) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


@pytest.fixture(params=["DynamoDB", "in memory"])
def either(request) -> Publications:
    return FakePublications() if request.param == "in memory" else request.getfixturevalue("publications")


@pytest.fixture
def publications(table) -> DynamoDbPublications:
    return DynamoDbPublications(table)


@pytest.fixture(params=["DynamoDB", "in memory"])
def known(request) -> KnownResources:
    if request.param == "in memory":
        return FakeKnownResources()
    return DynamoDbKnownResources(request.getfixturevalue("table"))


@pytest.fixture
def errors(table) -> DynamoDbFhirErrors:
    return DynamoDbFhirErrors(table)


@pytest.fixture
def entries_of(table, either) -> Callable[[StudyKey], list[FhirError]]:
    """The entries of a study, what was left out first."""
    if isinstance(either, DynamoDbPublications):
        return DynamoDbFhirErrors(table).read_errors_of
    return lambda study: [either.entries[study, first] for first in (True, False) if (study, first) in either.entries]


@pytest.fixture
def study() -> StudyKey:
    return StudyKey(f"space-{uuid4().hex}", f"2.25.{uuid4().int}")


def leased(publications: Publications, study: StudyKey, token: str = "a", now=START) -> PublicationLease:
    lease = publications.lease(study, token, now=now, until=now + timedelta(minutes=2))
    assert lease is not None
    return lease


def error(study: StudyKey, kind: ErrorKind, time: datetime = START, revision: int = 1) -> FhirError:
    return FhirError(study, revision, kind, "PatientBirthDate is no date; correct it.", 2, time)


@pytest.fixture
def calls() -> Iterator[list[str]]:
    """The calls of DynamoDB that the test makes."""
    made: list[str] = []
    events = client("dynamodb").meta.events
    events.register("before-call.dynamodb.*", lambda model, **_: made.append(model.name), unique_id="count")
    yield made
    events.unregister("before-call.dynamodb.*", unique_id="count")


def test_a_study_is_leased_to_one_and_taken_over_when_that_one_is_late(either, study):
    lease = leased(either, study, "a")
    assert lease.publication == Publication(study)
    assert either.lease(study, "b", now=START + timedelta(minutes=1), until=LATER) is None
    assert either.lease(StudyKey("elsewhere", study.study_instance_uid), "b", now=START, until=LATER)

    other = leased(either, study, "b", LATER)
    late = Publication(study, 1, LATER)
    assert not either.published(lease, late, [])
    assert not either.published(lease, late, [error(study, ErrorKind.INVALID_TAG)])
    either.failed(error(study, ErrorKind.RETRYING), lease)
    assert either.read(study) == Publication(study)

    assert either.published(other, replace(late, revision=2), [])
    assert either.read(study).revision == 2


def test_what_was_published_is_read_back_and_the_lease_is_let_go(either, study):
    after = Publication(study, 3, START, ("DocumentReference/1", "Observation/2"))
    assert either.published(leased(either, study), after, [])
    assert either.read(study) == after
    assert leased(either, study, "b").publication == after


def test_a_publisher_that_is_late_but_was_not_replaced_may_still_record(either, study):
    lease = leased(either, study, now=START - timedelta(hours=1))
    assert either.published(lease, Publication(study, 1, START), [])


def test_a_study_without_entries_costs_two_writes_and_no_transaction(publications, study, calls):
    publications.published(leased(publications, study), Publication(study, 1, START), [])
    assert calls == ["UpdateItem", "GetItem", "UpdateItem"]


def test_a_failure_replaces_the_last_one_and_a_success_clears_all(either, entries_of, study):
    for kind in (ErrorKind.RETRYING, ErrorKind.RETRIES_EXHAUSTED, ErrorKind.FHIR_REFUSED, ErrorKind.NOT_PUBLISHED):
        either.failed(error(study, kind), leased(either, study))
        assert entries_of(study) == [error(study, kind)]
    assert either.published(leased(either, study), Publication(study, 1, START), [])
    assert entries_of(study) == []


def test_what_was_left_out_stays_beside_a_later_failure_until_it_is_mended(either, entries_of, study):
    left_out, failed = error(study, ErrorKind.INVALID_TAG), error(study, ErrorKind.RETRYING, revision=2)
    first = Publication(study, 1, START)
    assert either.published(leased(either, study), first, [left_out])
    either.failed(failed, leased(either, study, "b"))
    assert entries_of(study) == [left_out, failed]
    assert either.read(study) == first

    again = replace(left_out, revision=2, message="StudyDate is no date.")
    assert either.published(leased(either, study, "c"), Publication(study, 2, START), [again])
    assert entries_of(study) == [again]
    assert either.published(leased(either, study, "d"), Publication(study, 3, START), [])
    assert entries_of(study) == []


def test_who_had_no_lease_says_that_it_failed_unless_that_revision_is_published(either, entries_of, study):
    lease, failed = leased(either, study), error(study, ErrorKind.RETRYING, revision=2)
    either.failed(failed, None)
    assert entries_of(study) == [failed]
    assert either.published(lease, Publication(study, 2, START), [])
    either.failed(failed, None)
    assert entries_of(study) == []


@pytest.mark.parametrize("invalid", [False, True])
def test_a_write_whose_answer_was_lost_is_not_taken_for_anothers(publications, study, invalid):
    """The client sends the same write again and meets its own row."""
    left_out = [error(study, ErrorKind.INVALID_TAG)] if invalid else []
    lease, after = leased(publications, study), Publication(study, 1, START)
    assert leased(publications, study, "a") == lease
    assert publications.published(lease, after, left_out)
    assert publications.published(lease, after, left_out)
    assert not publications.published(lease, replace(after, revision=2), left_out)


def test_entries_of_a_space_come_newest_first_by_kind_and_page_by_page(publications, errors, study):
    kinds = [ErrorKind.NOT_PUBLISHED, ErrorKind.RETRYING, ErrorKind.FHIR_REFUSED]
    studies = [StudyKey(study.space, f"1.2.{number}") for number in range(8)]
    entries = [
        error(one, kinds[number % 3], START + timedelta(seconds=number // 3)) for number, one in enumerate(studies)
    ]
    for entry in entries:
        publications.failed(entry, None)
    publications.failed(error(StudyKey("elsewhere", "1.2.3"), ErrorKind.RETRYING, LATER), None)
    newest_first = sorted(entries, key=lambda each: (each.time, each.study.study_instance_uid), reverse=True)

    assert errors.read_errors(study.space, None, after="", limit=100) == (newest_first, "")
    found, after = errors.read_errors(study.space, None, after="", limit=3)
    while after:
        page, after = errors.read_errors(study.space, None, after=after, limit=3)
        assert page
        found += page
    assert found == newest_first
    for kind in ErrorKind:
        of_kind = [entry for entry in newest_first if entry.kind is kind]
        assert errors.read_errors(study.space, kind, after="", limit=100) == (of_kind, "")
        assert errors.count_errors(study.space, kind) == len(of_kind)
        assert errors.count_errors(study.space, kind, at_most=2) == min(2, len(of_kind))


def test_thousands_of_further_resources_fit_in_the_row_of_their_study(publications, study):
    after = Publication(study, 1, START, tuple(f"DocumentReference/{uuid4()}" for _ in range(10_000)))
    assert publications.published(leased(publications, study), after, [])
    assert publications.read(study) == after


def test_an_entry_that_the_index_still_lists_is_as_its_row_says(publications, errors, study, monkeypatch):
    other = StudyKey(study.space, "1.2.3")
    publications.failed(error(study, ErrorKind.RETRYING), None)
    publications.failed(error(other, ErrorKind.RETRYING), None)
    query = errors._table.query
    listed = {
        kind: list(errors._table.query(**arguments))
        for kind, arguments in ((kind, _index_of(study.space, kind)) for kind in ErrorKind)
    }
    publications.failed(error(study, ErrorKind.RETRIES_EXHAUSTED, LATER), None)
    publications.published(leased(publications, other), Publication(other, 1, START), [])

    def lagging(**arguments):
        kind = ErrorKind(arguments["ExpressionAttributeValues"][":pending"]["S"].split("#")[1])
        return iter([*listed[kind], *query(**arguments)] if kind is ErrorKind.RETRIES_EXHAUSTED else listed[kind])

    monkeypatch.setattr(errors._table, "query", lagging)
    found, _ = errors.read_errors(study.space, None, after="", limit=10)
    assert [(each.study, each.kind) for each in found] == [(study, ErrorKind.RETRIES_EXHAUSTED)]


def _index_of(space: str, kind: ErrorKind) -> dict:
    return {
        "IndexName": "pending",
        "KeyConditionExpression": "pending = :pending",
        "ExpressionAttributeValues": {":pending": {"S": f"fhir-error#{kind.value}#{space}"}},
    }


def test_the_announcer_has_nothing_to_tell_of_rows_of_publishing(publications, table, study):
    publications.failed(error(study, ErrorKind.RETRYING), None)
    for row_key in (publication_key(study), error_key(study, ErrorKind.RETRYING)):
        row = table.get(row_key)
        assert row["kind"] not in ("STUDY", "INSTANCE", "REVISION")  # which the stream's filter lets through
        assert read_stream_record(None, to_item(row)) is None


def test_an_id_that_the_server_chose_is_claimed_by_one_remembered_and_forgotten(known):
    name = str(uuid4())
    assert known.find(name) is None
    assert known.claim(name, "a", now=START, until=SOON)
    assert known.claim(name, "a", now=START, until=SOON)  # as the client does when the answer was lost
    assert not known.claim(name, "b", now=START + timedelta(minutes=1), until=LATER)
    assert known.find(name) is None
    assert known.claim(name, "b", now=SOON + timedelta(seconds=1), until=LATER)

    known.remember(name, "17")
    assert known.find(name) == "17"
    assert not known.claim(name, "c", now=LATER + timedelta(days=1), until=LATER + timedelta(days=2))
    known.give_back(name, "b")
    known.forget(name, "16")
    assert known.find(name) == "17"
    known.forget(name, "17")
    known.forget(name, "17")
    assert known.find(name) is None
    assert known.claim(name, "c", now=START, until=SOON)


def test_a_claim_is_given_back_only_by_who_has_it(known):
    name = str(uuid4())
    known.give_back(name, "a")
    assert known.claim(name, "a", now=START, until=SOON)
    known.give_back(name, "b")
    known.forget(name, "17")
    assert not known.claim(name, "b", now=START, until=SOON)
    known.give_back(name, "a")
    assert known.claim(name, "b", now=START, until=SOON)


def test_of_those_who_speak_of_a_resource_the_latest_is_heard_and_may_repeat_itself(known):
    name = str(uuid4())
    assert known.claim(name, "a", now=START, until=SOON)
    assert known.speaks(name, SOON)
    assert known.speaks(name, SOON)
    assert not known.speaks(name, START)
    known.remember(name, "17")
    assert not known.speaks(name, START)
    assert known.speaks(name, LATER)
    assert not known.speaks(name, SOON)
    assert known.speaks(str(uuid4()), START)


def test_what_is_noted_under_way_leaves_lease_and_entries_and_is_noted_by_who_has_the_lease(either, entries_of, study):
    failed, so_far = error(study, ErrorKind.RETRYING), Publication(study, 1, START, ("Observation/2",))
    either.failed(failed, leased(either, study))
    lease = leased(either, study, "b")
    assert either.noted(lease, so_far)
    assert either.noted(lease, so_far)
    assert either.read(study) == so_far
    assert entries_of(study) == [failed]
    assert either.lease(study, "c", now=START, until=LATER) is None
    assert not either.noted(PublicationLease("c", Publication(study)), replace(so_far, revision=2))
    assert either.published(lease, replace(so_far, further=()), [])
    assert either.read(study).further == ()
    assert not either.noted(lease, so_far)


def test_what_is_published_can_leave_an_entry_of_each_sort(either, entries_of, study):
    left_out, refused = error(study, ErrorKind.INVALID_TAG), error(study, ErrorKind.FHIR_REFUSED)
    after = Publication(study, 1, START)
    assert either.published(leased(either, study), after, [left_out, refused])
    assert entries_of(study) == [left_out, refused]
    assert either.published(leased(either, study, "b"), after, [refused])
    assert entries_of(study) == [refused]
