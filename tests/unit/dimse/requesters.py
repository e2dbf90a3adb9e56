"""A modality that asks for storage commitment, and listens for the results."""

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE, evt
from pynetdicom.association import Association

from imaging.dimse.sop_classes import STORAGE_COMMITMENT_PUSH_MODEL
from imaging.dimse.storage_commitment_messages import WELL_KNOWN_INSTANCE
from imaging.model.commitment import SopReference
from infra.local.settings import HOST
from tests.unit.dimse.files import responses_for_the_caller

SECONDS = 20


@dataclass(frozen=True)
class Result:
    """What an N-EVENT-REPORT told; the references as they stand in it."""

    event_type_id: int
    transaction_uid: str
    retrieve_ae_title: str
    committed: list[SopReference]
    failed: list[tuple[SopReference, int]]
    calling_ae_title: str
    is_from_the_scp: bool
    """Whether the association was asked for by the SCP of the service, in that role."""


def action_information(references: Sequence[SopReference], transaction_uid: str) -> Dataset:
    """What a request for commitment says."""
    ds = Dataset()
    ds.TransactionUID = transaction_uid
    ds.ReferencedSOPSequence = []
    for sop_class_uid, sop_instance_uid in references:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class_uid, sop_instance_uid
        ds.ReferencedSOPSequence.append(item)
    return ds


@dataclass
class Requester:
    """Asks, and is told.

    Attributes
    ----------
    statuses
        It answers results with these in their order, the last one again and again.
    answers
        It answers none while this is not set.
    """

    ae_title: str = "MODALITY"
    statuses: list[int] = field(default_factory=lambda: [0])
    results: "queue.Queue[Result]" = field(default_factory=queue.Queue)
    answers: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.answers.set()

    @contextmanager
    def associated(self, port: int, called: str = "MAIN", *, beside: Sequence[str] = ()) -> Iterator[Association]:
        """An association on which requests are made, beside those of other SOP Classes, and results are heard."""
        ae = AE(self.ae_title)
        for sop_class_uid in (STORAGE_COMMITMENT_PUSH_MODEL, *beside):
            ae.add_requested_context(sop_class_uid, ExplicitVRLittleEndian)
        handlers = [(evt.EVT_N_EVENT_REPORT, self._hear)]
        association = ae.associate(HOST, port, ae_title=called, evt_handlers=handlers)
        assert association.is_established
        try:
            yield association
        finally:
            if association.is_established:
                association.release()

    @contextmanager
    def listening(self, port: int = 0) -> Iterator[int]:
        """Take associations in which the other side is the SCP; where it listens."""
        ae = AE(self.ae_title)
        ae.add_supported_context(STORAGE_COMMITMENT_PUSH_MODEL, scu_role=False, scp_role=True)
        server = ae.start_server((HOST, port), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._hear)])
        try:
            yield server.socket.getsockname()[1]
        finally:
            server.shutdown()

    def next_result(self) -> Result:
        """The next one that comes."""
        return self.results.get(timeout=SECONDS)

    def _hear(self, event: evt.Event) -> tuple[int, None]:
        ds, association = event.event_information, event.assoc
        self.results.put(
            Result(
                event.request.EventTypeID,
                ds.TransactionUID,
                ds.RetrieveAETitle,
                [_reference(item) for item in ds.get("ReferencedSOPSequence", [])],
                [(_reference(item), item.FailureReason) for item in ds.get("FailedSOPSequence", [])],
                association.requestor.ae_title,
                association.is_acceptor and all(context.as_scu for context in association.accepted_contexts),
            )
        )
        self.answers.wait(SECONDS)
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0], None


def _reference(item: Dataset) -> SopReference:
    return SopReference(item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID)


def ask(
    association: Association,
    references: Sequence[SopReference],
    transaction_uid: str = "",
    *,
    information: Dataset | None = None,
    action_type_id: int = 1,
    sop_class_uid: str = STORAGE_COMMITMENT_PUSH_MODEL,
    sop_instance_uid: str = WELL_KNOWN_INSTANCE,
) -> Dataset:
    """Ask for commitment; the elements of the response."""
    information = information or action_information(references, transaction_uid or generate_uid())
    while association.is_alive() and association._is_paused:  # still, since it was asked before
        time.sleep(0.001)
    with responses_for_the_caller(association):
        time.sleep(0.02)  # the loop that is to be asleep may have been about to begin another round
        status, _ = association.send_n_action(
            information, action_type_id, sop_class_uid, sop_instance_uid, meta_uid=STORAGE_COMMITMENT_PUSH_MODEL
        )
    return status
