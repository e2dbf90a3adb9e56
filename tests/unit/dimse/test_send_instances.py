"""Instances to other nodes, by the real SCU over real connections."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator

import pytest
from pydicom.uid import CTImageStorage, MRImageStorage, generate_uid
from pynetdicom import _config

from imaging.dimse import requested_association as module
from imaging.dimse.node import Node
from imaging.dimse.send_instances import DimseTarget
from imaging.errors import RejectReason, Unavailable
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Instance
from imaging.reading.retrieve_instances import RetrieveInstances
from infra.local.settings import HOST
from tests.fakes import InMemoryObjects
from tests.instances import data_set_of, part10_instance
from tests.unit.dimse.endpoint import Endpoint
from tests.unit.dimse.files import sample
from tests.unit.dimse.nodes import ScriptedNode, scripted_node, storescp
from tests.unit.reading.stored_files import stored

STUDY = generate_uid()


@pytest.fixture
def objects() -> InMemoryObjects:
    return InMemoryObjects()


@pytest.fixture(scope="module")
def running_node() -> Iterator[ScriptedNode]:
    with scripted_node(CTImageStorage, MRImageStorage) as node:
        yield node


@pytest.fixture
def node(running_node: ScriptedNode) -> ScriptedNode:
    running_node.forget()
    return running_node


@pytest.fixture(scope="module")
def archive() -> Iterator[Endpoint]:
    """An endpoint of our own."""
    endpoint = Endpoint()
    yield endpoint
    endpoint.stop()


@pytest.fixture
def target(objects: InMemoryObjects) -> Iterator[Callable[..., DimseTarget]]:
    """Makes one, and lets no association outlive the test."""
    targets: list[DimseTarget] = []

    def make(node: Node, idle_seconds: float = 5.0) -> DimseTarget:
        stream = RetrieveInstances(None, objects, objects).stream
        targets.append(DimseTarget(node, stream, idle_seconds=idle_seconds))
        return targets[-1]

    yield make
    for each in targets:
        each.close()


def instance(objects: InMemoryObjects, **attributes: object) -> Instance:
    key = InstanceKey("main", STUDY, "1.2.3", generate_uid())
    return stored(objects, part10_instance(key, **attributes))


def body(objects: InMemoryObjects, one: Instance) -> bytes:
    content = objects.versions(one.key.object_key)[-1].body
    assert content is not None
    return content


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "MR_small_implicit.dcm",
        "ExplVR_BigEnd.dcm",
        "image_dfl.dcm",
        "SC_rgb_rle.dcm",
        "JPEG2000.dcm",
        "test-SR.dcm",
    ],
)
def test_a_node_gets_the_data_sets_bytes_in_the_transfer_syntax_they_are_stored_in(target, objects, archive, name):
    one = stored(objects, sample(name).read_bytes())
    to = target(Node(HOST, archive.port, "MAIN", "SENDER"))
    (sent,) = to.send([one])
    assert sent.refusal is None
    to.close()
    sent_bytes = data_set_of(body(objects, one))
    padding = bytes(len(sent_bytes) % 2)  # of the deflated one, PS3.5 Section A.5
    assert data_set_of(archive.stored["main", one.key.object_key]) == sent_bytes + padding
    assert archive.journal.wait_for(1)[-1].calling_ae_title == "SENDER"


def test_dcmtk_takes_a_batch_over_one_association_whatever_its_kinds(target, objects, tmp_path):
    names = ["CT_small.dcm", "MR_small_implicit.dcm", "SC_rgb_rle.dcm", "JPEG2000.dcm"]
    ones = [stored(objects, sample(name).read_bytes()) for name in names]
    with storescp(tmp_path, "+xa") as node:
        to = target(node)
        assert [(sent.instance, sent.refusal) for sent in to.send(ones)] == [(one, None) for one in ones]
    assert sorted(data_set_of(path.read_bytes()) for path in tmp_path.iterdir()) == sorted(
        data_set_of(body(objects, one)) for one in ones
    )


def test_the_instance_is_named_as_its_data_set_names_it_whatever_stands_before_that(target, objects, node):
    """Who de-identified a file may have left the UID of the original in its File Meta Information."""
    one = instance(objects)
    content = body(objects, one)
    offset = len(content) - len(data_set_of(content))
    other = one.key.sop_instance_uid[:-2] + "99"
    renamed = content[:offset].replace(one.key.sop_instance_uid.encode(), other.encode()) + content[offset:]
    assert renamed != content
    one = stored(objects, renamed)
    list(target(node.address).send([one]))
    ((uid, _, data_set),) = node.received
    assert uid == one.key.sop_instance_uid
    assert data_set == data_set_of(content)


def test_an_association_is_kept_for_what_comes_next_and_released_when_nothing_does(target, objects, node):
    to = target(node.address, idle_seconds=0.3)
    for _ in range(3):
        list(to.send([instance(objects)]))
    assert (len(node.associations), node.released) == (1, 0)
    deadline = time.monotonic() + 5
    while not node.released and time.monotonic() < deadline:
        time.sleep(0.02)
    assert node.released == 1
    list(to.send([instance(objects)]))
    assert len(node.associations) == 2


def test_another_kind_needs_another_association(target, objects, node):
    to = target(node.address)
    list(to.send([instance(objects)]))
    list(to.send([instance(objects, SOPClassUID=MRImageStorage)]))
    to.close()
    assert [len(contexts) for contexts in node.associations] == [1, 1]
    assert node.released == 2


def test_more_kinds_than_an_association_can_have_go_over_two(target, objects, node, monkeypatch):
    """Presentation contexts have odd IDs of one byte."""
    monkeypatch.setattr(_config, "UNRESTRICTED_STORAGE_SERVICE", True)  # the node's
    classes = [f"1.2.840.10008.5.1.4.1.1.{number}" for number in range(9000, 9130)]
    to = target(node.address)
    assert [sent.refusal for sent in to.send([instance(objects, SOPClassUID=uid) for uid in classes])] == [None] * 130
    assert [len(contexts) for contexts in node.associations] == [128, 2]


def test_what_the_node_does_not_accept_as_it_is_stored_is_refused_with_a_sentence_and_holds_up_no_other(
    target, objects, tmp_path
):
    with storescp(tmp_path) as node:  # DCMTK takes what is not compressed, unless it is told to take more
        jpeg, plain, odd = (
            stored(objects, sample("JPEG2000.dcm").read_bytes()),
            instance(objects),
            instance(objects, SOPClassUID="1.2.3.4"),
        )
        to = target(node)
        refusals = {sent.instance.key: sent.refusal for sent in to.send([jpeg, plain, odd])}
        assert refusals[plain.key] is None
        for one in (jpeg, odd):
            assert refusals[one.key].reason is RejectReason.NOT_ACCEPTABLE
            assert one.sop_class_uid in str(refusals[one.key])
            assert one.arrival.transfer_syntax_uid in str(refusals[one.key])
        (alone,) = to.send([jpeg])  # nothing at all is accepted now
        assert alone.refusal.reason is RejectReason.NOT_ACCEPTABLE


@pytest.mark.parametrize("status", [0xA700, 0xA7FF, 0x0110, 0x0213])
def test_what_a_node_cannot_take_now_comes_later_and_holds_up_no_other(target, objects, node, status):
    node.statuses = [status, 0]
    first, second = instance(objects), instance(objects)
    outcomes = [(sent.instance, sent.later) for sent in target(node.address).send([first, second])]
    assert outcomes[1] == (second, None)
    assert f"0x{status:04X}" in str(outcomes[0][1])


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (0xA900, RejectReason.SOP_CLASS_MISMATCH),
        (0xC000, RejectReason.MALFORMED_REQUEST),
        (0xC123, RejectReason.MALFORMED_REQUEST),
        (0x0111, RejectReason.OTHER_BYTES_STORED),
        (0x0122, RejectReason.NOT_ACCEPTABLE),
        (0x0124, RejectReason.MALFORMED_REQUEST),
    ],
)
def test_what_a_node_refuses_is_refused(target, objects, node, status, reason):
    node.statuses = [status]
    (sent,) = target(node.address).send([instance(objects)])
    assert sent.refusal.reason is reason
    assert f"0x{status:04X}" in str(sent.refusal)


@pytest.mark.parametrize("status", [0xB000, 0xB006, 0xB007])
def test_a_warning_says_that_it_is_stored(target, objects, node, status):
    node.statuses = [status]
    (sent,) = target(node.address).send([instance(objects)])
    assert sent.refusal is None


def test_an_instance_at_which_the_node_aborts_holds_up_no_other(target, objects, node):
    ones = [instance(objects) for _ in range(3)]
    node.before_answer = lambda event: event.assoc.abort() if len(node.received) == 2 else None
    outcomes = [(sent.instance, sent.failure) for sent in target(node.address).send(ones)]
    assert [one for one, _ in outcomes] == ones
    assert (outcomes[0][1], outcomes[2][1]) == (None, None)
    assert "did not answer" in str(outcomes[1][1])
    assert len(node.associations) == 2


def test_an_instance_that_cannot_be_read_holds_up_no_other(target, objects, node):
    ones = [instance(objects) for _ in range(3)]
    objects.remove_version("main", ones[1].key.object_key, ones[1].version_id)
    failures = [sent.failure for sent in target(node.address).send(ones)]
    assert (failures[0], failures[2]) == (None, None)
    assert isinstance(failures[1], Unavailable)


# pynetdicom leaves a socket that never was connected to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_a_node_that_is_gone_or_has_a_name_that_nobody_knows_is_unavailable(target, objects, node):
    one = instance(objects)
    with pytest.raises(Unavailable, match="does not answer"):
        list(target(Node(HOST, 1, "NODE", "US")).send([one]))
    with pytest.raises(Unavailable, match="cannot be found"):
        list(target(Node("node.invalid", 104, "NODE", "US")).send([one]))


def test_an_unknown_ae_title_is_a_setting_to_mend_and_refuses_no_instance(target, objects):
    with scripted_node(CTImageStorage, require_called_aet=True, require_calling_aet=["THEM"]) as node:
        for called, calling, setting in (("WRONG", "THEM", "called_ae_title"), ("NODE", "US", "calling_ae_title")):
            with pytest.raises(Unavailable, match=f"the binding's {setting}"):
                list(target(Node(HOST, node.address.port, called, calling)).send([instance(objects)]))


def test_a_busy_node_is_unavailable(target, objects):
    with scripted_node(CTImageStorage, maximum_associations=1) as node:
        first, second = target(node.address), target(node.address)
        list(first.send([instance(objects)]))
        with pytest.raises(Unavailable, match="rejects"):
            list(second.send([instance(objects)]))
        first.close()


def test_an_association_that_the_node_ended_while_idle_is_asked_for_anew(target, objects):
    with scripted_node(CTImageStorage, network_timeout=0.2) as node:
        to = target(node.address)
        list(to.send([instance(objects)]))
        time.sleep(0.6)
        assert [sent.refusal for sent in to.send([instance(objects)])] == [None]
        assert len(node.associations) == 2


def test_a_node_that_takes_nothing_any_more_is_given_up(target, objects, monkeypatch):
    monkeypatch.setattr(module, "_RESPONSE_SECONDS", 0.5)
    with scripted_node(CTImageStorage) as node:
        node.before_answer = lambda event: time.sleep(1.5)
        (sent,) = target(node.address).send([instance(objects)])
        assert sent.later


def test_whoever_has_no_time_left_closes_in_order(target, objects, node):
    sending = target(node.address).send([instance(objects) for _ in range(3)])
    next(sending)
    sending.close()
    assert len(node.received) == 1


def test_a_large_instance_goes_out_in_pieces(target, objects, tmp_path):
    size_bytes = 20 * 1024 * 1024
    one = instance(objects, Rows=2048, Columns=5120, PixelData=os.urandom(size_bytes))
    with storescp(tmp_path) as node:
        to = target(node)
        (sent,) = to.send([one])
        assert sent.refusal is None
    (path,) = tmp_path.iterdir()
    assert (
        hashlib.sha256(data_set_of(path.read_bytes())).digest()
        == hashlib.sha256(data_set_of(body(objects, one))).digest()
    )
