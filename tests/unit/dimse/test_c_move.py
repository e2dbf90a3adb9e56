"""C-MOVE over real connections: to DCMTK's storescp, and to nodes that answer as a test says."""

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
from pydicom import dcmread
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association

from imaging.aws.dynamodb_table import ManifestTable
from imaging.dimse.node import Node
from imaging.dimse.peers import Peers
from imaging.dimse.sop_classes import STUDY_ROOT_MOVE
from imaging.dimse.tls import client_context, server_context
from imaging.errors import Unavailable
from infra.local.ports import any_free_port
from infra.local.settings import HOST
from tests.archive import Archive
from tests.manifest_table import create_manifest_table
from tests.unit.dimse.certificates import authority
from tests.unit.dimse.endpoint import Endpoint, JournalInMemory
from tests.unit.dimse.files import data_set_of, sample
from tests.unit.dimse.nodes import ScriptedNode, scripted_node, storescp
from tests.unit.dimse.retrieving import Got, c_move, identifier, peer_of, services_over, stored_data_sets

EXPLICIT, IMPLICIT = str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)
MPEG4 = "1.2.840.10008.1.2.4.102"
STUDY = identifier("STUDY", StudyInstanceUID="1")


@pytest.fixture(scope="module")
def archive(embedded_aws: object) -> Archive:
    """A study of four instances in two series."""
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    archive = Archive(ManifestTable(name), space="main")
    for number in range(1, 4):
        archive.store("1", "1.1", f"1.1.{number}", InstanceNumber=number)
    archive.store("1", "1.2", "1.2.1")
    return archive


@pytest.fixture(scope="module")
def running_node() -> Iterator[ScriptedNode]:
    with scripted_node(CTImageStorage) as node:
        yield node


@pytest.fixture
def node(running_node: ScriptedNode) -> ScriptedNode:
    running_node.forget()
    return running_node


@pytest.fixture
def journal() -> JournalInMemory:
    return JournalInMemory()


@pytest.fixture
def move(archive: Archive, journal: JournalInMemory) -> Iterator[Callable[..., Got]]:
    """Asks an endpoint that knows this node."""
    endpoints: list[Endpoint] = []

    def move(ds, node: Node, *preferred: str, to: str = "", **how) -> Got:
        endpoints.append(Endpoint(services_over(archive, journal, Peers((peer_of(node, *preferred),)))))
        return c_move(endpoints[-1].port, ds, to or node.called_ae_title, **how)

    yield move
    for endpoint in endpoints:
        assert endpoint.journal.failures == []
        endpoint.stop()


def associated(endpoint: Endpoint) -> Association:
    """A requester of its own."""
    ae = AE(ae_title="WORKSTATION")
    ae.add_requested_context(STUDY_ROOT_MOVE)
    association = ae.associate(HOST, endpoint.port, ae_title="MAIN")
    assert association.is_established
    return association


def uids(node: ScriptedNode) -> list[str]:
    return [uid for uid, _, _ in node.received]


def test_a_study_arrives_byte_for_byte_and_says_who_asked_for_it(archive, move, node):
    got = move(STUDY, node.address)
    assert (got.last.Status, got.counts) == (0x0000, (4, 0, 0, None))
    assert uids(node) == ["1.1.1", "1.1.2", "1.1.3", "1.2.1"]
    assert [content for _, _, content in node.received] == stored_data_sets(archive, uids(node))
    assert node.originators == [("WORKSTATION", 7)] * 4
    assert (len(node.associations), node.released) == (1, 1)


def test_dcmtk_takes_every_kind_of_file_as_it_is_stored(archive, move, tmp_path):
    names = [
        "CT_small.dcm",
        "MR_small_bigendian.dcm",
        "image_dfl.dcm",
        "SC_rgb_rle.dcm",
        "JPEG2000.dcm",
        "reportsi.dcm",
    ]
    keys = [archive.send_file(sample(name).read_bytes()) for name in names]
    wanted = [key.sop_instance_uid for key in keys]
    with storescp(tmp_path, "+xa") as scp:  # all transfer syntaxes
        got = move(identifier("IMAGE", SOPInstanceUID=wanted), scp)
    assert (got.last.Status, got.counts) == (0x0000, (len(names), 0, 0, None))
    received = {str(dcmread(path).SOPInstanceUID): data_set_of(path.read_bytes()) for path in tmp_path.iterdir()}
    stored = stored_data_sets(archive, wanted)
    assert [received[uid] for uid in wanted] == [each + bytes(len(each) % 2) for each in stored]  # the deflated one


def test_a_node_that_takes_implicit_vr_only_gets_that(archive, move, tmp_path):
    keys = [archive.send_file(sample(name).read_bytes()) for name in ("SC_rgb_rle.dcm", "MR_small_jp2klossless.dcm")]
    wanted = [key.sop_instance_uid for key in keys]
    with storescp(tmp_path, "+xi") as scp:
        got = move(identifier("IMAGE", SOPInstanceUID=wanted), scp)
    assert (got.last.Status, got.counts) == (0x0000, (2, 0, 0, None))
    received = [dcmread(path) for path in tmp_path.iterdir()]
    assert {ds.file_meta.TransferSyntaxUID for ds in received} == {IMPLICIT}
    assert {ds.SOPInstanceUID for ds in received} == set(wanted)


def test_a_node_gets_what_its_entry_in_the_registry_likes_best(archive, move, node):
    got = move(identifier("SERIES", SeriesInstanceUID="1.2"), node.address, MPEG4, IMPLICIT, str(RLELossless))
    assert got.last.Status == 0x0000
    assert [syntax for _, syntax, _ in node.received] == [IMPLICIT]
    assert [syntax for _, syntaxes in node.associations[0] for syntax in syntaxes] == [
        IMPLICIT,
        str(RLELossless),
        EXPLICIT,
    ]


def test_what_the_node_takes_with_a_warning_or_not_at_all_is_counted_so(move, node, journal):
    node.statuses = [0x0000, 0xB000, 0xA700, 0x0000]
    got = move(STUDY, node.address)
    assert (got.last.Status, got.counts, got.failed) == (0xB000, (2, 1, 1, None), ["1.1.3"])
    assert journal.not_sent_for == [("A C-STORE was answered with status A700.", ["1.1.3"])]


def test_an_unknown_destination_is_said_to_be_so(move, node):
    assert move(STUDY, node.address, to="NOWHERE").last.Status == 0xA801


def test_a_destination_that_is_down_fails_everything(move):
    got = move(STUDY, Node(HOST, any_free_port(), "NODE", ""))
    assert (got.last.Status, got.counts) == (0xA702, (0, 4, 0, None))
    assert got.failed == ["1.1.1", "1.1.2", "1.1.3", "1.2.1"]
    assert got.last.ErrorComment.startswith("The node does not answer (ConnectionRefusedError)")


def test_a_destination_that_breaks_off_gets_the_rest_over_another_association(move, node):
    def abort(event):
        if event.request.AffectedSOPInstanceUID == "1.1.2":
            event.assoc.abort()

    node.before_answer = abort
    got = move(STUDY, node.address)
    assert (got.last.Status, got.counts, got.failed) == (0xB000, (3, 1, 0, None), ["1.1.2"])
    assert uids(node) == ["1.1.1", "1.1.2", "1.1.3", "1.2.1"]
    assert len(node.associations) == 2


def test_a_destination_that_breaks_off_every_association_is_given_up(move, node):
    node.before_answer = lambda event: event.assoc.abort()
    got = move(STUDY, node.address)
    assert (got.last.Status, got.counts) == (0xA702, (0, 4, 0, None))
    assert len(node.associations) == 3


def test_an_instance_of_a_class_that_the_node_does_not_know_fails_alone(archive, move, node):
    archive.store("5", "5.1", "5.1.1", SOPClassUID="1.2.840.10008.5.1.4.1.1.4")
    archive.store("5", "5.1", "5.1.2", InstanceNumber=2)
    got = move(identifier("STUDY", StudyInstanceUID="5"), node.address)
    assert (got.last.Status, got.failed, uids(node)) == (0xB000, ["5.1.1"], ["5.1.2"])


def test_more_kinds_than_an_association_has_contexts_for_go_over_several(archive, move, monkeypatch):
    monkeypatch.setattr(_config, "UNRESTRICTED_STORAGE_SERVICE", True)  # the node's
    classes = [f"1.2.840.10008.5.1.4.1.1.{number}" for number in range(9000, 9070)]
    keys = [archive.key("6", "6.1", f"6.1.{number}") for number in range(len(classes))]
    for key, sop_class_uid in zip(keys, classes, strict=True):
        archive.store("6", "6.1", key.sop_instance_uid, SOPClassUID=sop_class_uid)
    with scripted_node(*classes) as node:
        got = move(identifier("STUDY", StudyInstanceUID="6"), node.address)
    assert (got.last.Status, got.counts) == (0x0000, (70, 0, 0, None))
    assert [len(proposed) for proposed in node.associations] == [128, 12]  # two each: as stored, and Implicit VR


def test_a_cancelled_retrieve_ends_behind_the_running_sub_operation(archive, journal, node):
    endpoint = Endpoint(services_over(archive, journal, Peers((peer_of(node.address),))))
    association = associated(endpoint)
    cancelled: list[float] = []

    def cancel(_event):
        if len(node.received) == 2:
            association.send_c_cancel(1, query_model=STUDY_ROOT_MOVE)
            cancelled.append(time.monotonic())
            time.sleep(0.2)

    node.before_answer = cancel
    last = [status for status, _ in association.send_c_move(STUDY, "NODE", STUDY_ROOT_MOVE)][-1]
    assert time.monotonic() - cancelled[0] < 1
    assert (last.Status, last.NumberOfRemainingSuboperations, len(node.received)) == (0xFE00, 2, 2)
    association.release()
    endpoint.stop()


def test_pending_responses_come_while_one_instance_takes_its_time(move, node):
    node.before_answer = lambda _: time.sleep(1.3) if len(node.received) == 2 else None
    got = move(STUDY, node.address)
    *pending, last = got.responses
    told = [(one.Status, one.NumberOfCompletedSuboperations, one.NumberOfRemainingSuboperations) for one in pending]
    assert told == [(0xFF00, 1, 3)] * 2
    assert (last.Status, got.counts) == (0x0000, (4, 0, 0, None))


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_who_cancels_or_goes_while_a_destination_does_not_answer_is_not_kept_waiting(
    archive, journal, node, is_cancelled
):
    """The running sub-operation is interrupted, and failed; those that were not begun remain: PS3.4 C.4.2.3.1."""
    may_answer, aborted = threading.Event(), threading.Event()

    def silent(event):
        if len(node.received) == 2:
            event.assoc.bind(evt.EVT_ABORTED, lambda _: aborted.set())
            may_answer.wait(20)

    node.before_answer = silent
    endpoint = Endpoint(services_over(archive, journal, Peers((peer_of(node.address),))))
    association = associated(endpoint)
    asked = iter(association.send_c_move(STUDY, "NODE", STUDY_ROOT_MOVE))
    assert next(asked)[0].Status == 0xFF00
    ended = time.monotonic()
    if is_cancelled:
        association.send_c_cancel(1, query_model=STUDY_ROOT_MOVE)
        last, failed = [(status, found) for status, found in asked if status.Status != 0xFF00][-1]
        assert time.monotonic() - ended < 1
        assert (last.Status, last.NumberOfCompletedSuboperations, last.NumberOfFailedSuboperations) == (0xFE00, 1, 1)
        assert (last.NumberOfRemainingSuboperations, failed.FailedSOPInstanceUIDList) == (2, "1.1.2")
        assert associated(endpoint).is_established
        association.release()
    else:
        association.abort()
    assert endpoint.journal.wait_for(1)[0].sent == 1
    assert time.monotonic() - ended < 2
    may_answer.set()
    assert aborted.wait(10)
    assert len(node.received) == 2
    assert endpoint.journal.failures == journal.failures == []
    endpoint.stop()


def test_a_destination_that_does_not_even_associate_can_be_waited_for_no_longer(archive, journal):
    with socket.create_server((HOST, 0)) as silent:
        peer = peer_of(Node(HOST, silent.getsockname()[1], "NODE", ""))
        endpoint = Endpoint(services_over(archive, journal, Peers((peer,))))
        association = associated(endpoint)
        asked = iter(association.send_c_move(STUDY, "NODE", STUDY_ROOT_MOVE))
        assert [next(asked)[0].NumberOfRemainingSuboperations for _ in range(2)] == [4, 4]
        cancelled = time.monotonic()
        association.send_c_cancel(1, query_model=STUDY_ROOT_MOVE)
        last = [status for status, _ in asked][-1]
        assert time.monotonic() - cancelled < 1
        assert (last.Status, last.NumberOfRemainingSuboperations, last.NumberOfFailedSuboperations) == (0xFE00, 4, 0)
        association.release()
        endpoint.stop()


def test_large_instances_that_cannot_be_read_to_their_end_are_no_fault_of_the_destination(
    archive, move, node, journal, monkeypatch
):
    large = {"Rows": 3072, "Columns": 1536, "BitsAllocated": 16, "PixelData": bytes(9 * 2**20)}
    for number in range(1, 5):
        archive.store("8", "8.1", f"8.1.{number}", InstanceNumber=number, **(large if number < 4 else {}))
    read = archive.objects.read

    def broken(*names, **how):
        if how.get("first"):
            raise Unavailable("It breaks off.")
        return read(*names, **how)

    monkeypatch.setattr(archive.objects, "read", broken)
    got = move(identifier("STUDY", StudyInstanceUID="8"), node.address)
    assert (got.last.Status, got.counts, got.failed) == (0xB000, (1, 3, 0, None), ["8.1.1", "8.1.2", "8.1.3"])
    assert [uids for _, uids in journal.not_sent_for] == [got.failed]
    assert "cannot read" in journal.not_sent_for[0][0]


def test_the_entry_of_another_space_is_no_destination(archive, journal, node):
    theirs = replace(peer_of(node.address), spaces=frozenset({"research"}))
    endpoint = Endpoint(services_over(archive, journal, Peers((theirs,))))
    assert c_move(endpoint.port, STUDY, "NODE").last.Status == 0xA801
    endpoint.stop()


@pytest.mark.parametrize("tool", ["movescu", "getscu"])
def test_dcmtk_retrieves(archive, journal, tmp_path, tool):
    received = tmp_path / "received"
    received.mkdir()
    keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1"]
    with storescp(received) as scp:
        endpoint = Endpoint(services_over(archive, journal, Peers((peer_of(scp),))))
        to = ["-aem", "ANY"] if tool == "movescu" else ["-od", str(received), "+B"]
        command = [tool, "-S", "-aec", "MAIN", *to, *keys, HOST, str(endpoint.port)]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        endpoint.stop()
    assert done.returncode == 0, done.stderr
    found = {str(dcmread(path).SOPInstanceUID): data_set_of(path.read_bytes()) for path in received.iterdir()}
    expected = ["1.1.1", "1.1.2", "1.1.3", "1.2.1"]
    assert [found[uid] for uid in expected] == stored_data_sets(archive, expected)


def test_a_node_that_speaks_tls_is_called_so(archive, journal, tmp_path):
    hospital = authority()
    ours, theirs = hospital.identity("archive"), hospital.identity("node")
    server = server_context(theirs, hospital.pem)  # asks for our certificate
    ae = AE(ae_title="NODE")
    ae.add_supported_context(CTImageStorage, [EXPLICIT])
    received: list[str] = []

    def store(event: evt.Event) -> int:
        received.append(str(event.request.AffectedSOPInstanceUID))
        return 0

    running = ae.start_server((HOST, 0), block=False, ssl_context=server, evt_handlers=[(evt.EVT_C_STORE, store)])
    peer = replace(peer_of(Node(HOST, running.socket.getsockname()[1], "NODE", "")), tls=True)
    for secure, expected in ((lambda: client_context(ours, hospital.pem), 0x0000), (client_context, 0xA702)):
        endpoint = Endpoint(services_over(archive, journal, Peers((peer,)), secure))
        assert c_move(endpoint.port, STUDY, "NODE").last.Status == expected
        endpoint.stop()
    running.shutdown()
    assert received == ["1.1.1", "1.1.2", "1.1.3", "1.2.1"]
