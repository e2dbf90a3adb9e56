"""Requests for storage commitment as rows: each held by one, found when it is held no longer."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from imaging.aws.dynamodb_commitments import DynamoDbCommitments
from imaging.aws.dynamodb_marks import DynamoDbMarks
from imaging.aws.dynamodb_table import ManifestTable
from imaging.errors import Rejected, RejectReason
from imaging.model.commitment import Commitment, CommitmentKey, SopReference
from imaging.ports.manifest import PendingKind
from tests.fakes import START
from tests.manifest_table import create_manifest_table

REFERENCES = tuple(SopReference("1.2.840.10008.5.1.4.1.1.2", f"1.2.3.{number}") for number in range(3))


def minutes(count: float) -> datetime:
    return START + timedelta(minutes=count)


@pytest.fixture(scope="module")
def table(embedded_aws) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


@pytest.fixture
def commitments(table) -> DynamoDbCommitments:
    """Of which none is left from another test."""
    commitments = DynamoDbCommitments(table)
    for key in commitments.take_due("cleaner", minutes(10**6), minutes(0)):
        commitments.done(key, "cleaner")
    return commitments


def commitment(uid: str = "", references: tuple[SopReference, ...] = REFERENCES, **key: str) -> Commitment:
    named = {"space": "main", "requester_ae_title": "CT 1", "transaction_uid": uid or f"2.25.{uuid4().int}", **key}
    return Commitment(CommitmentKey(**named), "MAIN", references, START)


def test_a_request_is_read_back_by_who_holds_it_and_by_nobody_else(commitments):
    asked = commitment(references=REFERENCES[::-1])
    assert commitments.request(asked, "a", minutes(5))
    assert commitments.hold(asked.key, "b", minutes(5)) is None
    assert commitments.hold(asked.key, "a", minutes(5)) == replace(asked, references=REFERENCES)
    assert not commitments.done(asked.key, "b")
    assert commitments.done(asked.key, "a")
    assert not commitments.done(asked.key, "a")
    assert not commitments.keep(asked.key, "a", minutes(5))
    assert commitments.hold(asked.key, "a", minutes(5)) is None


def test_it_is_taken_once_when_it_is_held_no_longer_and_the_longest_waiting_first(commitments):
    later, sooner = commitment(), commitment()
    commitments.request(later, "a", minutes(5))
    commitments.request(sooner, "a", minutes(4))
    assert list(commitments.take_due("b", minutes(4), minutes(9))) == []
    assert list(commitments.take_due("b", minutes(6), minutes(9))) == [sooner.key, later.key]
    assert list(commitments.take_due("c", minutes(6), minutes(9))) == []
    assert commitments.hold(later.key, "a", minutes(9)) is None
    assert commitments.hold(later.key, "b", minutes(9)) == later


def test_two_who_look_at_the_same_time_do_not_both_take_it(commitments):
    asked = commitment()
    commitments.request(asked, "a", minutes(1))
    first, second = (commitments.take_due(name, minutes(2), minutes(9)) for name in "bc")
    assert [*first, *second] == [asked.key]


def test_what_is_put_off_is_anybodys_when_it_is_due_and_its_tries_count(commitments):
    asked = commitment()
    commitments.request(asked, "a", minutes(5))
    commitments.put_off(asked.key, "b", minutes(1))
    assert list(commitments.take_due("b", minutes(2), minutes(9))) == []
    commitments.put_off(asked.key, "a", minutes(1), after_a_try=True)
    assert commitments.hold(asked.key, "a", minutes(9)) is None
    assert list(commitments.take_due("b", minutes(2), minutes(9))) == [asked.key]
    commitments.put_off(asked.key, "b", minutes(3))
    assert list(commitments.take_due("c", minutes(4), minutes(9))) == [asked.key]
    assert commitments.hold(asked.key, "c", minutes(9)) == replace(asked, tries=1)


def test_who_asks_again_is_answered_alike_and_the_request_begins_anew(commitments):
    asked = commitment()
    commitments.request(asked, "a", minutes(5))
    commitments.put_off(asked.key, "a", minutes(5), after_a_try=True)
    again = replace(asked, references=REFERENCES[::-1], requested_at=minutes(3))
    assert commitments.request(again, "b", minutes(8))
    assert commitments.hold(asked.key, "a", minutes(9)) is None
    assert not commitments.keep(asked.key, "a", minutes(9), after_a_try=True)
    assert not commitments.done(asked.key, "a")
    assert commitments.hold(asked.key, "b", minutes(9)) == replace(asked, requested_at=minutes(3))
    assert commitments.keep(asked.key, "b", minutes(12), after_a_try=True)
    assert list(commitments.take_due("c", minutes(11), minutes(20))) == []
    assert commitments.hold(asked.key, "b", minutes(12)) == replace(asked, requested_at=minutes(3), tries=1)


def test_a_transaction_uid_is_its_requesters_and_its_spaces_own_and_for_one_set_of_instances(commitments):
    asked = commitment()
    uid = asked.key.transaction_uid
    assert commitments.request(asked, "a", minutes(5))
    assert not commitments.request(commitment(uid, REFERENCES[:2]), "a", minutes(5))
    assert commitments.request(commitment(uid, REFERENCES[:2], space="research"), "a", minutes(5))
    assert commitments.request(commitment(uid, REFERENCES[:2], requester_ae_title="CT#2"), "a", minutes(5))
    keys = set(commitments.take_due("b", minutes(6), minutes(9)))
    assert {(key.space, key.requester_ae_title) for key in keys} == {
        ("main", "CT 1"),
        ("research", "CT 1"),
        ("main", "CT#2"),
    }


def test_a_request_for_twenty_thousand_instances_is_kept_and_one_for_more_than_a_row_holds_is_refused(commitments):
    random_uids = [SopReference("1.2.840.10008.5.1.4.1.1.2", f"2.25.{uuid4().int}") for _ in range(40_000)]
    counted = [SopReference("1.2.840.10008.5.1.4.1.1.2", f"1.2.840.113619.2.55.3.{n}") for n in range(65_000)]
    for references in (random_uids[:20_000], counted):
        asked = commitment(references=tuple(sorted(references)))
        commitments.request(asked, "a", minutes(5))
        assert commitments.hold(asked.key, "a", minutes(5)) == asked
    with pytest.raises(Rejected, match="Too many instances") as rejected:
        commitments.request(commitment(references=tuple(random_uids)), "a", minutes(5))
    assert rejected.value.reason is RejectReason.TOO_LARGE


def test_pending_requests_are_counted_like_every_mark(commitments, table):
    commitments.request(commitment(), "a", minutes(5))
    commitments.request(commitment(), "a", minutes(6))
    tally = DynamoDbMarks(table).tally(PendingKind.COMMIT)
    assert (tally.count, tally.oldest) == (2, minutes(5))
