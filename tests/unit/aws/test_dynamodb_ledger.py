"""The ledger, and that the one in memory that other tests use is like it."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from imaging.aws.clients import client
from imaging.aws.dynamodb_ledger import DynamoDbLedger
from imaging.aws.dynamodb_table import ManifestTable
from imaging.model.delivery import Delivery, Outcome
from imaging.model.identifiers import InstanceKey, StudyKey
from tests.fakes import START, InMemoryLedger
from tests.manifest_table import create_manifest_table

LATER = START + timedelta(minutes=5)


@pytest.fixture(scope="module")
def table(embedded_aws) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


@pytest.fixture(params=["DynamoDB", "in memory"])
def ledger(request) -> DynamoDbLedger | InMemoryLedger:
    return DynamoDbLedger(request.getfixturevalue("table")) if request.param == "DynamoDB" else InMemoryLedger()


@pytest.fixture
def study() -> StudyKey:
    return StudyKey("main", f"2.25.{uuid4().int}")


def key_in(study: StudyKey, place: int = 0) -> InstanceKey:
    return InstanceKey(study.space, study.study_instance_uid, "1.2.3", f"1.2.3.{place}")


def delivery(subject: InstanceKey | StudyKey, number: int = 1, **values) -> Delivery:
    return Delivery(
        **{"binding": "to-there", "outcome": Outcome.DELIVERED, "at": START, **values},
        **{"subject": subject, "number": number},
    )


def test_an_entry_is_read_back_as_it_was_written(ledger, study):
    of_instance = delivery(key_in(study), 3, tries=4, reason="why", claim="me", claimed_until=LATER)
    of_revision = delivery(study, 2, outcome=Outcome.REFUSED, reason="why")
    assert ledger.swap(None, of_instance)
    assert ledger.swap(None, of_revision)
    assert ledger.read_instance("to-there", key_in(study)) == of_instance
    assert ledger.read_instances("to-there", study) == {key_in(study): of_instance}
    assert ledger.read_revisions("to-there", study) == {2: of_revision}
    assert ledger.read_instance("elsewhere", key_in(study)) is None
    assert ledger.read_revisions("elsewhere", study) == {}


def test_an_entry_is_written_only_over_what_was_read(ledger, study):
    first = delivery(key_in(study), outcome=Outcome.RETRYING, claim="a", claimed_until=LATER)
    assert ledger.swap(None, first)
    assert not ledger.swap(None, replace(first, claim="b"))
    settled = first.settled(Outcome.DELIVERED, LATER)
    assert not ledger.swap(replace(first, claim="b"), settled)
    assert not ledger.swap(replace(first, claim="", claimed_until=None), settled)
    assert ledger.swap(first, settled)
    assert not ledger.swap(first, replace(settled, number=7))
    assert ledger.swap(settled, replace(settled, number=2, at=LATER))
    assert ledger.read_instance("to-there", key_in(study)) == replace(settled, number=2, at=LATER)


def test_a_study_is_leased_to_one_and_taken_over_when_that_one_is_late(ledger, study):
    lease = ledger.lease("to-there", study, "a", now=START, until=LATER)
    assert lease is not None
    assert lease.told == 0
    assert ledger.lease("to-there", study, "b", now=START + timedelta(minutes=1), until=LATER) is None
    assert ledger.lease("elsewhere", study, "b", now=START, until=LATER) is not None

    other = ledger.lease("to-there", study, "b", now=LATER + timedelta(minutes=1), until=LATER + timedelta(minutes=5))
    assert other is not None
    assert not ledger.release(lease, 5)
    assert ledger.release(other, 3)

    last = ledger.lease("to-there", study, "c", now=START, until=LATER)
    assert last is not None
    assert last.told == 3


def test_deliveries_of_all_bindings_are_listed_page_by_page(ledger, study):
    entries = [
        delivery(key_in(study, 0), binding="a"),
        delivery(key_in(study, 1), binding="a"),
        delivery(study, 1, binding="a"),
        delivery(study, 2, binding="a"),
        delivery(key_in(study, 0), binding="b"),
    ]
    for entry in reversed(entries):
        assert ledger.swap(None, entry)
    assert ledger.read_deliveries(study, after="", offset=0, limit=5) == (entries, "")
    first, after = ledger.read_deliveries(study, after="", offset=1, limit=2)
    assert first == entries[1:3]
    assert ledger.read_deliveries(study, after=after, offset=0, limit=2) == (entries[3:], "")
    assert ledger.read_deliveries(study, after=after, offset=1, limit=2) == (entries[4:], "")
    assert ledger.read_deliveries(study, after="", offset=5, limit=2) == ([], "")


def test_refused_deliveries_are_found_until_they_are_made_good(table, study):
    ledger = DynamoDbLedger(table)
    refused = delivery(key_in(study), outcome=Outcome.REFUSED, reason="why")
    ledger.swap(None, refused)
    ledger.swap(None, delivery(key_in(study, 1)))
    assert ("to-there", study) in ledger.read_refused(LATER)
    assert ("to-there", study) not in ledger.read_refused(START)
    ledger.swap(refused, refused.settled(Outcome.DELIVERED, LATER))
    assert ("to-there", study) not in ledger.read_refused(LATER)


def test_a_write_whose_answer_was_lost_is_not_taken_for_anothers(table, study):
    """The client sends the same write again and meets its own row."""
    ledger = DynamoDbLedger(table)
    claimed = delivery(key_in(study), outcome=Outcome.RETRYING, claim="a", claimed_until=LATER)
    assert ledger.swap(None, claimed)
    assert ledger.swap(None, claimed)


def test_an_entry_costs_one_write(table, study):
    calls = []
    events = client("dynamodb").meta.events
    events.register("before-call.dynamodb.*", lambda model, **_: calls.append(model.name), unique_id="count")
    try:
        DynamoDbLedger(table).swap(None, delivery(key_in(study)))
    finally:
        events.unregister("before-call.dynamodb.*", unique_id="count")
    assert calls == ["UpdateItem"]
