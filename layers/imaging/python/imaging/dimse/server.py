"""The DIMSE endpoint: one address, a storage space behind each AE title."""

import threading
from collections.abc import Mapping
from typing import cast

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_ECHO, C_STORE
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import A_ASSOCIATE

from imaging.dimse.accepted_association import AcceptedAssociation, Served, Services, Serving
from imaging.dimse.c_echo import VERIFICATION, CEcho
from imaging.dimse.c_store import CStore
from imaging.dimse.connection import ConnectionServer
from imaging.dimse.journal import AssociationEnd, AssociationRecord, Journal
from imaging.dimse.negotiation import application_entity
from imaging.errors import Unavailable
from imaging.pipeline.hint_release import HintRelease
from imaging.pipeline.store_instance import StoreInstance

_ABORT_SECONDS = 2.0

# Result, source and reason of a rejection, PS3.8 Table 9-21.
_CALLED_AE_TITLE_NOT_RECOGNISED = (0x01, 0x01, 0x07)
_TEMPORARY_CONGESTION = (0x02, 0x03, 0x01)


class DimseServer:
    """Answers C-ECHO and C-STORE.

    It listens as soon as it is made, and serves from `start` on.

    Parameters
    ----------
    address
        Host and TCP port to bind to; port 0 for any free one.
    space_of_ae_title
        The storage spaces' names by called AE title.
    hint_release
        Hears of released associations that stored something.

    Raises
    ------
    OSError
        If the port is in use, or not ours to bind.
    """

    def __init__(
        self,
        address: tuple[str, int],
        space_of_ae_title: Mapping[str, str],
        store_instance: StoreInstance,
        journal: Journal,
        *,
        max_associations: int,
        max_object_bytes: int,
        hint_release: HintRelease | None = None,
    ) -> None:
        self._space_of_ae_title = space_of_ae_title
        self._journal = journal
        self._hint_release = hint_release
        self._c_store = CStore(store_instance, journal, max_object_bytes)
        services: Services = {
            C_ECHO: Served(CEcho(), frozenset({VERIFICATION})),
            C_STORE: Served(self._c_store),
        }
        self._records: dict[Association, AssociationRecord] = {}
        self._ended = threading.Condition()
        self._draining = False
        self._server = ConnectionServer(
            application_entity(max_associations),
            address,
            [
                (evt.EVT_REQUESTED, self._on_requested),
                (evt.EVT_CONN_CLOSE, _wake_if_nothing_was_requested),
                (evt.EVT_PDU_RECV, lambda event: self._c_store.bound(event.assoc.dimse)),
            ],
            Serving(services, journal),
            self._on_end,
        )

    @property
    def port(self) -> int:
        """The TCP port it listens on."""
        return self._server.server_address[1]

    def start(self) -> None:
        """Serve, each association in threads of its own."""
        threading.Thread(target=self._server.serve_forever, name="accept", daemon=True).start()

    def drain(self, seconds: float) -> None:
        """Take no new association, let those that run come to their end, and abort the rest.

        What an aborted association has not seen confirmed is stored whole or
        not at all.
        """
        self._draining = True
        self._server.shutdown()
        if not self._wait_until_idle(seconds):
            for association in list(self._records):
                association.abort(block=False)
            self._wait_until_idle(_ABORT_SECONDS)
        for record in list(self._records.values()):
            self._journal.ended(record)

    def _wait_until_idle(self, seconds: float) -> bool:
        with self._ended:
            return self._ended.wait_for(lambda: not self._records, timeout=seconds)

    def _on_requested(self, event: Event) -> None:
        """Let the called AE title choose the space, before anything is negotiated."""
        association = cast(AcceptedAssociation, event.assoc)
        request = cast(A_ASSOCIATE, association.requestor.primitive)
        called = request.called_ae_title.strip()
        record = AssociationRecord(request.calling_ae_title.strip(), called, self._space_of_ae_title.get(called, ""))
        self._records[association] = association.record = record
        if not record.space:
            _reject(association, _CALLED_AE_TITLE_NOT_RECOGNISED)
            record.rejected_because = "called AE title not recognised"
        elif self._draining:
            _reject(association, _TEMPORARY_CONGESTION)
            record.rejected_because = "stopping"

    def _on_end(self, association: Association) -> None:
        record = self._records.get(association)
        if record is None:
            return  # a health check, or a stranger that spoke no DICOM
        if association.is_released:
            record.end = AssociationEnd.RELEASED
        elif association.is_rejected:
            record.end = AssociationEnd.REJECTED
            record.rejected_because = record.rejected_because or "too many associations"
        try:
            if association.is_released:
                self._hint(record)
            self._journal.ended(record)
        finally:
            with self._ended:
                del self._records[association]
                self._ended.notify_all()

    def _hint(self, record: AssociationRecord) -> None:
        if record.studies and self._hint_release:
            try:
                self._hint_release(record.studies)
            except Unavailable as failure:
                self._journal.hint_lost(record, failure)


def _reject(association: Association, rejection: tuple[int, int, int]) -> None:
    association.acse.send_reject(*rejection)
    association.kill()  # returns when it has been sent


def _wake_if_nothing_was_requested(event: Event) -> None:
    """End the wait for a request on a connection that was closed without one."""
    if event.assoc.requestor.primitive is None:
        event.assoc.dul.to_user_queue.put(None)
