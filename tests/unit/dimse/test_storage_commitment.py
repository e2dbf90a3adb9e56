"""Storage commitment: a request is durable before it is confirmed, and its result true before it is told."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from uuid import uuid4

import pytest
from pydicom import Dataset
from pydicom.uid import CTImageStorage, MRImageStorage, generate_uid
from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_FIND, C_STORE, N_ACTION

from imaging.aws import dynamodb_commitments
from imaging.aws.dynamodb_commitments import DynamoDbCommitments
from imaging.aws.dynamodb_table import ManifestTable
from imaging.dimse import negotiation
from imaging.dimse.accepted_association import Served, Services
from imaging.dimse.peers import Peer, Peers
from imaging.dimse.sop_classes import STORAGE_COMMITMENT_PUSH_MODEL, STUDY_ROOT_FIND
from imaging.dimse.status import response
from imaging.dimse.storage_commitment import NAction
from imaging.dimse.storage_commitment_reports import CommitmentReports
from imaging.dimse.storage_commitment_timing import Timing
from imaging.errors import Unavailable
from imaging.model.commitment import Commitment, CommitmentKey, SopReference
from imaging.reading.verify_commitment import VerifyCommitment
from infra.local.ports import any_free_port
from infra.local.settings import HOST
from tests.archive import Archive
from tests.instances import part10_instance, stored_metadata
from tests.manifest_table import create_manifest_table
from tests.unit.dimse.endpoint import Endpoint
from tests.unit.dimse.requesters import Requester, action_information, ask

SOON = Timing(
    indexing=timedelta(seconds=0.7),
    first_look=timedelta(seconds=0.1),
    first_retry=timedelta(seconds=0.1),
    longest_retry=timedelta(seconds=0.5),
    held=timedelta(seconds=30),
    looking=timedelta(seconds=0.15),
    round_seconds=0.05,
    quiet_seconds=0.1,
)


def now() -> datetime:
    return datetime.now(UTC)


class CommitmentJournalInMemory:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, CommitmentKey, object]] = []
        self._changed = threading.Condition()

    def _tell(self, what: str, key: CommitmentKey, detail: object) -> None:
        with self._changed:
            self.told.append((what, key, detail))
            self._changed.notify_all()

    def reported(self, commitment: Commitment, failures: int) -> None:
        self._tell("reported", commitment.key, failures)

    def put_off(self, commitment: Commitment, reason: str, wait_seconds: float) -> None:
        self._tell("put off", commitment.key, reason)

    def dropped(self, commitment: Commitment, reason: str) -> None:
        self._tell("dropped", commitment.key, reason)

    def commitments_failed(self, failure: Exception) -> None:
        self._tell("all failed", CommitmentKey("", "", ""), failure)

    def commitment_failed(self, key: CommitmentKey, failure: Exception) -> None:
        self._tell("failed", key, failure)

    def wait_for(self, what: str, uid: str) -> object:
        """What is told of a request; pynetdicom can do nothing else while it still answers a result."""

        def details() -> list[object]:
            return [detail for kind, key, detail in self.told if kind == what and key.transaction_uid == uid]

        with self._changed:
            assert self._changed.wait_for(details, timeout=20), self.told
        return details()[0]


class SlowFind:
    """Answers a C-FIND with responses over so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def answer(self, request, exchange) -> None:
        for _ in range(4):
            time.sleep(self._seconds / 4)
            exchange.respond(response(0xFF00), b"\x08\x00\x52\x00CS\x06\x00STUDY ")
        exchange.respond(response(0))


class World:
    """An archive, its endpoint, and processes that tell results."""

    def __init__(self, table: ManifestTable, make_endpoint: Callable[..., Endpoint]) -> None:
        self.archive = Archive(table)
        self.commitments = DynamoDbCommitments(table)
        self.journal = CommitmentJournalInMemory()
        self._make_endpoint = make_endpoint
        self.before_look: Callable[[], object] = lambda: None
        self.looks: list[int] = []
        self._verify_here = VerifyCommitment(self.archive.catalogue, self.archive.objects)

    def _verify(self, _space, references):
        """Of how many instances, and what is true of them."""
        self.looks.append(len(references))
        self.before_look()
        return self._verify_here(self.archive.space, references)

    def reports(self, *nodes: Peer, timing: Timing = SOON) -> CommitmentReports:
        """Those of one process; the endpoint's space `main` is the archive's."""
        return CommitmentReports(
            self.commitments,
            self._verify,
            Peers(nodes),
            self.journal,
            clock=now,
            timing=timing,
        )

    @contextmanager
    def running(self, *reports: CommitmentReports) -> Iterator[None]:
        """Processes at work."""
        stopping = threading.Event()
        threads = [threading.Thread(target=one.run, args=(stopping,)) for one in reports]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stopping.set()
            for thread in threads:
                thread.join(20)
                assert not thread.is_alive()

    def endpoint(self, reports: CommitmentReports, find_seconds: float = 0.0) -> int:
        """The port of an endpoint that takes requests, and takes its time for a C-FIND."""
        services: Services = {
            N_ACTION: Served(NAction(reports, now), frozenset({STORAGE_COMMITMENT_PUSH_MODEL})),
            C_FIND: Served(SlowFind(find_seconds), frozenset({STUDY_ROOT_FIND})),
        }
        return self._make_endpoint(services).port

    def store(self) -> SopReference:
        """An instance that is stored and indexed."""
        uid = generate_uid()
        self.archive.store("1.2.3", "1.2.3.4", uid)
        return SopReference(CTImageStorage, uid)

    def absent(self) -> SopReference:
        """An instance that was never stored."""
        return SopReference(CTImageStorage, generate_uid())

    def held(self, *references: SopReference, requested_at: datetime | None = None) -> str:
        """A request that a process took and died of; its Transaction UID."""
        uid = generate_uid()
        key = CommitmentKey("main", "MODALITY", uid)
        assert self.commitments.request(Commitment(key, "MAIN", references, requested_at or now()), "dead", now())
        return uid

    def pending(self) -> list[CommitmentKey]:
        """What has not come to its end; nobody else goes on with it."""
        return list(self.commitments.take_due("looker", now() + timedelta(days=99), now() + timedelta(days=100)))


@pytest.fixture(scope="module")
def table(embedded_aws) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


@pytest.fixture
def world(table, make_endpoint) -> World:
    world = World(table, make_endpoint)
    for key in world.pending():
        world.commitments.done(key, "looker")
    return world


@pytest.fixture
def requester() -> Requester:
    return Requester()


def away() -> Peer:
    """A requester whose port nobody listens on."""
    return Peer("MODALITY", HOST, any_free_port())


def test_the_result_comes_over_the_association_of_the_request(world, requester):
    references, reports, uid = [world.store() for _ in range(3)], world.reports(), generate_uid()
    with world.running(reports), requester.associated(world.endpoint(reports)) as association:
        assert ask(association, references, uid).Status == 0x0000
        result = requester.next_result()
        assert (result.event_type_id, result.transaction_uid, result.retrieve_ae_title) == (1, uid, "MAIN")
        assert (sorted(result.committed), result.failed) == (sorted(references), [])
        world.journal.wait_for("reported", uid)
        again = ask(association, references[:1], uid := generate_uid())
        assert again.Status == 0x0000
        assert requester.next_result().committed == references[:1]
        world.journal.wait_for("reported", uid)
    assert world.pending() == []


def test_every_instance_that_is_not_safe_is_told_with_the_reason(world, requester):
    safe, deleted, other = world.store(), world.store(), world.store()
    world.archive.delete("1.2.3", "1.2.3.4", deleted.sop_instance_uid)
    never = world.absent()
    other = SopReference(MRImageStorage, other.sop_instance_uid)
    reports, uid = world.reports(), generate_uid()
    with world.running(reports), requester.associated(world.endpoint(reports)) as association:
        began = time.monotonic()
        ask(association, [never, safe, deleted, other], uid)
        result = requester.next_result()
        assert time.monotonic() - began >= SOON.indexing.total_seconds()
        assert (result.event_type_id, result.committed) == (2, [safe])
        assert dict(result.failed) == {never: 0x0112, deleted: 0x0112, other: 0x0119}
        assert world.journal.wait_for("reported", uid) == 3


def test_what_is_stored_and_not_indexed_yet_is_waited_for(world, requester):
    key = world.archive.key("1.2.3", "1.2.3.4", generate_uid())
    part10 = part10_instance(key)
    world.archive.objects.put(key.space, key.object_key, part10, stored_metadata(part10, now()))
    reports = world.reports(timing=replace(SOON, indexing=timedelta(minutes=1)))
    with world.running(reports), requester.associated(world.endpoint(reports)) as association:
        references = [SopReference(CTImageStorage, key.sop_instance_uid), world.store(), world.store()]
        ask(association, references, uid := generate_uid())
        time.sleep(0.5)
        assert requester.results.empty()
        world.archive.index_all([key])
        assert requester.next_result().event_type_id == 1
        world.journal.wait_for("reported", uid)
    first, *between, last = world.looks
    assert (first, set(between), last) == (3, {1}, 3)  # what was there is looked for again at the end


def test_who_releases_the_association_is_called_by_the_scp_of_the_service(world, requester):
    references = [world.store()]
    with requester.listening() as port:
        reports = world.reports(Peer("MODALITY", HOST, port))
        with world.running(reports):
            with requester.associated(world.endpoint(reports)) as association:
                ask(association, references, uid := generate_uid())
            result = requester.next_result()
            world.journal.wait_for("reported", uid)
    assert (result.transaction_uid, result.committed) == (uid, references)
    assert (result.calling_ae_title, result.is_from_the_scp) == ("MAIN", True)
    assert world.pending() == []


def test_a_requester_that_is_away_is_told_when_it_is_back_by_a_process_that_was_started_meanwhile(world, requester):
    references, node, uid = [world.store()], away(), generate_uid()
    first = world.reports(node)
    with world.running(first):
        with requester.associated(world.endpoint(first)) as association:
            ask(association, references, uid)
        assert "does not answer" in world.journal.wait_for("put off", uid)
    with requester.listening(node.port), world.running(world.reports(node)):
        assert requester.next_result().transaction_uid == uid
        world.journal.wait_for("reported", uid)
    assert world.pending() == []


def test_a_result_that_is_not_confirmed_is_told_again(world, requester):
    requester.statuses = [0x0110, 0x0110, 0x0000]
    with requester.listening() as port, ExitStack() as stack:
        reports = world.reports(Peer("MODALITY", HOST, port))
        stack.enter_context(world.running(reports))
        with requester.associated(world.endpoint(reports)) as association:
            ask(association, [world.store()], uid := generate_uid())
            assert [requester.next_result().is_from_the_scp for _ in range(3)] == [False, True, True]
        assert "0110" in world.journal.wait_for("put off", uid)
        world.journal.wait_for("reported", uid)
    assert world.pending() == []


def test_of_two_processes_one_tells_what_a_dead_one_left_behind(world, requester):
    with requester.listening() as port:
        node = Peer("MODALITY", HOST, port)
        uids = {world.held(world.store()) for _ in range(5)}
        with world.running(world.reports(node), world.reports(node)):
            assert {requester.next_result().transaction_uid for _ in uids} == uids
            for uid in uids:
                world.journal.wait_for("reported", uid)
            time.sleep(0.4)
    assert requester.results.empty()
    assert world.pending() == []


def test_a_process_that_stops_lets_go_of_what_it_has_not_told_and_of_what_it_is_still_asked(world, requester):
    def due() -> int:
        return len(list(world.commitments.take_due("other", now(), now() + timedelta(minutes=1))))

    for_long = replace(
        SOON,
        indexing=timedelta(minutes=2),
        first_look=timedelta(minutes=1),
        longest_look=timedelta(minutes=1),
        held=timedelta(seconds=0.5),
    )
    patient, never = world.reports(timing=for_long), [world.absent()]
    with requester.associated(world.endpoint(patient)) as association:
        with world.running(patient):
            ask(association, never)
            until = time.monotonic() + 0.9  # it is held on and on
            while time.monotonic() < until:
                assert due() == 0
                time.sleep(0.1)
        assert due() == 1
        assert ask(association, never).Status == 0x0000
        until = time.monotonic() + 10
        while due() == 0:  # the row is let go of when the request has been confirmed
            assert time.monotonic() < until


@pytest.mark.parametrize("is_known", [True, False])
def test_who_cannot_be_told_is_given_up_and_the_log_says_so(world, is_known):
    reports = world.reports(away()) if is_known else world.reports(Peer("MODALITY"))
    uid = world.held(world.store(), requested_at=now() - timedelta(hours=25 if is_known else 1))
    with world.running(reports):
        reason = world.journal.wait_for("dropped", uid)
    assert ("does not answer" if is_known else "imaging.dimse.peers") in reason
    assert world.pending() == []


def test_a_request_that_breaks_the_rules_is_refused_with_the_reason(world, requester, monkeypatch):
    monkeypatch.setattr(dynamodb_commitments, "MAX_PACKED_BYTES", 500)
    too_many = [SopReference(CTImageStorage, f"2.25.{uuid4().int}") for _ in range(50)]
    references, reports, uid = [world.store()], world.reports(), generate_uid()
    no_transaction, empty = action_information(references, uid), action_information([], uid)
    del no_transaction.TransactionUID
    no_sequence = action_information(references, uid)
    del no_sequence.ReferencedSOPSequence
    no_class = action_information(references, uid)
    del no_class.ReferencedSOPSequence[0].ReferencedSOPClassUID
    with requester.associated(world.endpoint(reports)) as association:
        for status, comment, wrong in (
            (0x0123, "The only Action Type ID is 1.", {"action_type_id": 2}),
            (0x0112, "The only SOP Instance is 1.2.840.10008.1.20.1.1.", {"sop_instance_uid": "1.2.3"}),
            (0x0118, "Requested SOP Class UID is not 1.2.840.10008.1.20.1.", {"sop_class_uid": "1.2.3"}),
            (0x0115, "TransactionUID is missing", {"information": no_transaction}),
            (0x0115, "ReferencedSOPSequence is missing", {"information": empty}),
            (0x0115, "ReferencedSOPClassUID is missing", {"information": no_class}),
            (0x0115, "ReferencedSOPSequence is missing", {"information": no_sequence}),
            (0x0115, "TransactionUID is not a UID", {"transaction_uid": "DOE^JANE"}),
            (0x0213, "Too many instances; ask for commitment in smaller portions.", {"references": too_many}),
        ):
            answer = ask(association, **{"references": references, "transaction_uid": uid, **wrong})
            assert (answer.Status, answer.ErrorComment[: len(comment)]) == (status, comment)
        assert world.pending() == []

        assert ask(association, references, uid).Status == 0x0000
        assert ask(association, references, uid).Status == 0x0000
        other = ask(association, [world.store()], uid)
        assert (other.Status, other.ErrorComment) == (
            0x0115,
            "TransactionUID is in use for other instances; make a new one.",
        )
    assert len(world.pending()) == 1


def test_a_request_that_cannot_be_kept_is_not_confirmed(world, requester):
    class Forgetful:
        def request(self, *_):
            raise Unavailable("DynamoDB is away.")

    reports, kept = world.reports(), world.commitments
    reports._commitments = Forgetful()
    with requester.associated(world.endpoint(reports)) as association:
        assert ask(association, [world.store()]).Status == 0x0213
        reports._commitments = kept
        assert ask(association, [world.store()]).Status == 0x0000


def store_slowly(association: Association, seconds: float) -> None:
    """Send a C-STORE request fragment by fragment."""
    request = C_STORE()
    request.MessageID, request.Priority = 5, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = CTImageStorage, "1.2.3"
    request.DataSet = BytesIO(bytes(60_000))
    message = C_STORE_RQ()
    message.primitive_to_message(request)
    context = next(each for each in association.accepted_contexts if each.abstract_syntax == CTImageStorage)
    pdus = list(message.encode_msg(context.context_id, 8192))
    for pdu in pdus:
        association.dul.send_pdu(pdu)
        time.sleep(seconds / len(pdus))


def test_who_is_busy_is_told_when_it_is_not_and_keeps_nobody_else_waiting(world, requester):
    reports, other = world.reports(timing=replace(SOON, quiet_seconds=0.2)), Requester("OTHER")
    port, query = world.endpoint(reports, find_seconds=1.0), Dataset()
    query.QueryRetrieveLevel = "STUDY"
    with world.running(reports), ExitStack() as stack:
        association = stack.enter_context(requester.associated(port, beside=[STUDY_ROOT_FIND, CTImageStorage]))
        references, uids = [world.store()], {generate_uid() for _ in range(10)}
        for uid in uids:
            ask(association, references, uid)
        found = association.send_c_find(query, STUDY_ROOT_FIND)
        next(found)
        ask(stack.enter_context(other.associated(port)), references, others := generate_uid())
        assert other.next_result().committed == references
        world.journal.wait_for("reported", others)
        assert [status.Status for status, _ in found] == [0xFF00] * 3 + [0]
        store_slowly(association, 0.7)
        assert requester.results.empty()
        assert world.looks == [1]
        assert {requester.next_result().transaction_uid for _ in uids} == uids
        for uid in uids:
            world.journal.wait_for("reported", uid)


def test_who_does_not_answer_is_cut_off_only_when_nothing_else_goes_on(world, requester, monkeypatch):
    monkeypatch.setattr(negotiation, "_RESPONSE_SECONDS", 0.4)
    reports, uid = world.reports(), generate_uid()
    with world.running(reports), ExitStack() as stack:
        association = stack.enter_context(requester.associated(world.endpoint(reports), beside=[CTImageStorage]))
        requester.answers.clear()
        ask(association, [world.store()], uid)
        requester.next_result()
        store_slowly(association, 0.9)
        assert association.is_established
        requester.answers.set()
        world.journal.wait_for("reported", uid)
        requester.answers.clear()
        ask(association, [world.store()], uid := generate_uid())
        requester.next_result()
        assert "does not say where it listens" in world.journal.wait_for("dropped", uid)
        requester.answers.set()


def test_an_answer_that_does_not_come_keeps_no_process_from_stopping(world, requester):
    reports = world.reports()
    port = world.endpoint(reports)
    with ExitStack() as stack:
        with world.running(reports):
            association = stack.enter_context(requester.associated(port))
            requester.answers.clear()
            ask(association, [world.store()], uid := generate_uid())
            requester.next_result()
            stopping = time.monotonic()
        assert time.monotonic() - stopping < 2.5
        assert len(world.pending()) == 1
        requester.answers.set()
        world.journal.wait_for("reported", uid)


def test_a_request_that_is_made_again_while_the_first_is_worked_on_is_not_lost(world, requester):
    began, may_go_on = threading.Event(), threading.Event()

    def hold_the_first() -> None:
        if not began.is_set():
            began.set()
            assert may_go_on.wait(10)

    world.before_look = hold_the_first
    references, uid, reports = [world.store()], generate_uid(), world.reports()
    port = world.endpoint(reports)
    with world.running(reports):
        with requester.associated(port) as association:
            ask(association, references, uid)
        assert began.wait(10)
        with requester.associated(port) as association:
            ask(association, references, uid)
            may_go_on.set()
            assert requester.next_result().transaction_uid == uid
            world.journal.wait_for("reported", uid)
    assert [what for what, _, _ in world.journal.told] == ["reported"]
    assert world.pending() == []


def test_who_refuses_a_result_and_cannot_be_called_is_told_again_while_it_stays(world, requester):
    requester.statuses = [0x0110, 0x0110, 0x0000]
    reports, uid = world.reports(), generate_uid()
    with world.running(reports), requester.associated(world.endpoint(reports)) as association:
        ask(association, [world.store()], uid)
        assert [requester.next_result().is_from_the_scp for _ in range(3)] == [False] * 3
        world.journal.wait_for("reported", uid)
    assert [what for what, _, _ in world.journal.told] == ["put off", "put off", "reported"]
    assert world.pending() == []


def test_a_fault_of_ours_does_not_end_the_thread_that_tells(world, requester, monkeypatch):
    take_due, failures = world.commitments.take_due, [ValueError("once")]

    def fail_once(*arguments):
        if failures:
            raise failures.pop()
        return take_due(*arguments)

    monkeypatch.setattr(world.commitments, "take_due", fail_once)
    with requester.listening() as port, world.running(world.reports(Peer("MODALITY", HOST, port))):
        uid = world.held(world.store())
        assert requester.next_result().transaction_uid == uid
        world.journal.wait_for("reported", uid)
    assert [what for what, _, _ in world.journal.told] == ["all failed", "reported"]
