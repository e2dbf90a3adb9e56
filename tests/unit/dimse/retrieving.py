"""An archive to retrieve from, and requesters of C-GET and C-MOVE."""

import ssl
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from pydicom import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, build_role, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_GET, C_MOVE

from imaging.dimse.accepted_association import Served, Services
from imaging.dimse.c_get import GET_SOP_CLASSES, CGet
from imaging.dimse.c_move import MOVE_SOP_CLASSES, CMove
from imaging.dimse.data_sets import ReadDataSets
from imaging.dimse.node import Node
from imaging.dimse.peers import Peer, Peers
from imaging.dimse.retrieve import Retrieve
from imaging.dimse.sop_classes import STUDY_ROOT_GET, STUDY_ROOT_MOVE
from imaging.dimse.tls import client_context
from imaging.reading.encode_instances import EncodeInstances
from imaging.reading.instance_header import InstanceHeaders
from imaging.reading.instance_pixels import InstancePixels
from imaging.reading.retrieve_instances import RetrieveInstances
from imaging.reading.select_instances import SelectInstances
from imaging.reading.transcode_instance import TranscodeInstance
from tests.archive import Archive, pixel_worker
from tests.unit.dimse.endpoint import JournalInMemory
from tests.unit.dimse.files import data_set_of, responses_for_the_caller

UNCOMPRESSED = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))


def services_over(
    archive: Archive,
    journal: JournalInMemory,
    peers: Peers | None = None,
    secure: Callable[[], ssl.SSLContext] = client_context,
) -> Services:
    """C-GET and C-MOVE as the process composes them."""
    objects = archive.objects
    retrieve = RetrieveInstances(archive.catalogue, objects, objects)
    transcode = TranscodeInstance(objects, InstanceHeaders(objects), InstancePixels(objects), pixel_worker())
    service = Retrieve(
        SelectInstances(archive.catalogue, archive.catalogue),
        ReadDataSets(retrieve, EncodeInstances(retrieve, transcode)),
        journal,
    )
    return {
        C_GET: Served(CGet(service), GET_SOP_CLASSES),
        C_MOVE: Served(CMove(service, peers or Peers(), secure), MOVE_SOP_CLASSES),
    }


def peer_of(node: Node, *transfer_syntax_uids: str) -> Peer:
    """The entry of the registry that lets a node be a destination."""
    return Peer(node.called_ae_title, node.host, node.port, transfer_syntax_uids=transfer_syntax_uids)


def identifier(level: str, **keys: Any) -> Dataset:
    """The Identifier of a retrieve."""
    ds = Dataset()
    ds.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(ds, keyword, value)
    return ds


@dataclass
class Got:
    """What a retrieve brought.

    Attributes
    ----------
    instances
        SOP Instance UID, transfer syntax and data set's bytes of what came by C-STORE, in its order.
    statuses
        Of the responses.
    last
        The elements of the final response.
    failed
        Failed SOP Instance UID List of the final response.
    """

    instances: list[tuple[str, str, bytes]] = field(default_factory=list)
    responses: list[Dataset] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def uids(self) -> list[str]:
        return [uid for uid, _, _ in self.instances]

    @property
    def last(self) -> Dataset:
        return self.responses[-1]

    @property
    def counts(self) -> tuple[int, int, int, int | None]:
        """Completed, failed, with a warning, and remaining of the final response."""
        last = self.last
        return (
            last.NumberOfCompletedSuboperations,
            last.NumberOfFailedSuboperations,
            last.NumberOfWarningSuboperations,
            last.get("NumberOfRemainingSuboperations"),
        )


OnStore = Callable[[evt.Event, int], int]


def c_get(
    port: int,
    ds: Dataset,
    *,
    root: str = STUDY_ROOT_GET,
    kinds: Iterable[tuple[str, str | Sequence[str]]] = tuple((CTImageStorage, syntax) for syntax in UNCOMPRESSED),
    takes_role: bool = True,
    on_store: OnStore = lambda event, count: 0,
    in_syntax: str = ExplicitVRLittleEndian,
    patience_seconds: float = 30,
) -> Got:
    """Ask by C-GET; `on_store` is given the number of the C-STORE, from 1, and returns its status."""
    got = Got()

    def store(event: evt.Event) -> int:
        request = event.request
        assert isinstance(request.DataSet, BytesIO)
        uid = str(request.AffectedSOPInstanceUID)
        got.instances.append((uid, str(event.context.transfer_syntax), request.DataSet.getvalue()))
        return on_store(event, len(got.instances))

    ae = AE(ae_title="WORKSTATION")
    ae.dimse_timeout = patience_seconds
    ae.add_requested_context(root, in_syntax)
    wanted = list(kinds)
    for sop_class_uid, transfer_syntax_uid in wanted:
        syntaxes = [transfer_syntax_uid] if isinstance(transfer_syntax_uid, str) else list(transfer_syntax_uid)
        ae.add_requested_context(sop_class_uid, syntaxes)
    roles = [build_role(uid, scp_role=True) for uid in dict.fromkeys(uid for uid, _ in wanted)] if takes_role else []
    association = ae.associate(
        "127.0.0.1", port, ae_title="MAIN", ext_neg=roles, evt_handlers=[(evt.EVT_C_STORE, store)]
    )
    assert association.is_established
    return _asked(association, got, association.send_c_get, ds, root)


def c_move(
    port: int, ds: Dataset, destination: str, *, root: str = STUDY_ROOT_MOVE, calling: str = "WORKSTATION"
) -> Got:
    """Ask by C-MOVE, with Message ID 7."""
    ae = AE(ae_title=calling)
    ae.add_requested_context(root)
    association = ae.associate("127.0.0.1", port, ae_title="MAIN")
    assert association.is_established
    return _asked(association, Got(), association.send_c_move, ds, destination, root, msg_id=7)


def _asked(association: Association, got: Got, ask: Any, *arguments: Any, **named: Any) -> Got:
    with responses_for_the_caller(association):
        for status, found in ask(*arguments, **named):
            got.responses.append(status)
            if found is not None and "FailedSOPInstanceUIDList" in found:
                uids = found.FailedSOPInstanceUIDList
                got.failed = [uids] if isinstance(uids, str) else list(uids)
        if association.is_established:
            association.release()
    return got


def stored_data_sets(archive: Archive, uids: Sequence[str]) -> list[bytes]:
    """What the archive holds under these UIDs, behind the File Meta Information."""
    by_uid = {key.rsplit("/", 1)[-1].removesuffix(".dcm"): key for key in archive.objects.keys(archive.space)}
    return [data_set_of(archive.objects.versions(by_uid[uid], archive.space)[-1].body or b"") for uid in uids]
