"""The DIMSE endpoint: a storage space behind each AE title, the same services for all of them."""

import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import cast

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.transport import AddressInformation, AssociationSocket

from imaging.dimse.accepted_association import AcceptedAssociation, Services, Serving
from imaging.dimse.association_limit import AssociationLimit
from imaging.dimse.connection import Acceptor
from imaging.dimse.connection_server import Address, ConnectionServer, Listening
from imaging.dimse.journal import AssociationEnd, AssociationRecord, Journal
from imaging.dimse.negotiation import application_entity
from imaging.dimse.pdus import rejection
from imaging.dimse.peers import Peers
from imaging.dimse.policy import (
    STOPPING,
    TOO_MANY_ASSOCIATIONS,
    TOO_MANY_CONNECTIONS,
    AssociationPolicy,
    Rejection,
)
from imaging.dimse.presentation_contexts import Offer
from imaging.dimse.room import Room
from imaging.errors import Unavailable
from imaging.pipeline.hint_release import HintRelease
from imaging.settings import Space

_ABORT_SECONDS = 2.0
SPARE_CONNECTIONS = 64
"""Without an association yet: health checks, and who is about to be told that there is no room."""

_KEPT_FOR_OTHERS = SPARE_CONNECTIONS // 2
"""One address gets all associations, as a hospital behind one may need, and half of the spare connections."""


class DimseServer:
    """Answers what its services answer, from `start` on.

    Attributes
    ----------
    acceptor
        Makes associations of the connections.

    Parameters
    ----------
    listening
        Where connections come in.
    policy
        Whose associations are accepted.
    limit
        Of associations, shared with other processes.
    hint_release
        Hears of released associations that stored something.
    """

    def __init__(
        self,
        listening: Sequence[Listening],
        policy: AssociationPolicy,
        services: Services,
        journal: Journal,
        *,
        limit: AssociationLimit,
        hint_release: HintRelease | None = None,
    ) -> None:
        self._policy = policy
        self._journal = journal
        self._limit = limit
        self._hint_release = hint_release
        self._records: dict[Association, AssociationRecord] = {}
        self._told: set[Association] = set()
        self._counted: set[Association] = set()
        self._ended = threading.Condition()
        self._draining = False
        self.acceptor = Acceptor(
            application_entity(),
            [
                (evt.EVT_REQUESTED, self._on_requested),
                (evt.EVT_CONN_CLOSE, _wake_if_nothing_was_requested),
            ],
            Serving(services, journal),
            self._on_end,
        )
        self._server = ConnectionServer(
            listening,
            self.acceptor.serve,
            self._turn_away,
            lambda: Room(limit.maximum + SPARE_CONNECTIONS, _KEPT_FOR_OTHERS),
        )

    @property
    def port(self) -> int:
        """The TCP port of the first socket it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Serve, each association in threads of its own."""
        self._server.start()

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
        for association in list(self._records):
            self._tell_end(association)

    def _wait_until_idle(self, seconds: float) -> bool:
        with self._ended:
            return self._ended.wait_for(lambda: not self._records, timeout=seconds)

    def _turn_away(self, connection: socket.socket, address: Address, is_encrypted: bool) -> None:
        """Say that there is no room, before anything is asked; who would speak TLS finds the connection closed."""
        record = AssociationRecord("", "", "", address=address[0], is_encrypted=is_encrypted)
        record.end, record.rejected_because = AssociationEnd.REJECTED, TOO_MANY_CONNECTIONS.because
        if not is_encrypted:
            with suppress(OSError):  # it has gone
                connection.send(rejection(*TOO_MANY_CONNECTIONS[:3]), socket.MSG_DONTWAIT)
        self._journal.ended(record)

    def _on_requested(self, event: Event) -> None:
        """Accept or reject, and say what may be negotiated."""
        association = cast(AcceptedAssociation, event.assoc)
        try:
            self._negotiate(association)
        except Exception as failure:  # pynetdicom would hide it, and accept the association without a context
            association.failed(failure)
            association.abort(block=False)
            association.kill()  # returns when it has been sent

    def _negotiate(self, association: AcceptedAssociation) -> None:
        address = cast(AddressInformation, association.requestor.address_info).address
        decision = self._policy.decide(cast(A_ASSOCIATE, association.requestor.primitive), address)
        record = AssociationRecord(
            decision.calling_ae_title,
            decision.called_ae_title,
            decision.space,
            address=address,
            is_encrypted=isinstance(cast(AssociationSocket, association.dul.socket).socket, ssl.SSLSocket),
            peer=decision.peer,
        )
        self._records[association] = association.record = record
        if rejected := decision.rejection or self._no_room_for(association):
            record.rejected_because = rejected.because
            association.acse.send_reject(rejected.result, rejected.source, rejected.reason)
            association.kill()  # returns when it has been sent
        elif decision.peer:
            self._policy.prepare(association, decision.peer)

    def _no_room_for(self, association: Association) -> Rejection | None:
        if self._draining:
            return STOPPING
        if not self._limit.enter():
            return TOO_MANY_ASSOCIATIONS
        self._counted.add(association)
        return None

    def _on_end(self, association: Association) -> None:
        record = self._records.get(association)
        if record is None:
            return  # a health check, or a stranger that spoke no DICOM
        if association.is_released:
            record.end = AssociationEnd.RELEASED
        elif association.is_rejected:
            record.end = AssociationEnd.REJECTED
        try:
            if association.is_released:
                self._hint(record)
            self._tell_end(association)
        finally:
            with self._ended:
                del self._records[association]
                self._told.discard(association)
                self._ended.notify_all()
                if association in self._counted:
                    self._counted.remove(association)
                    self._limit.leave()

    def _tell_end(self, association: Association) -> None:
        """Once of each: who outlasted the drain may still come to an end."""
        with self._ended:
            record = self._records.get(association)
            if record is None or association in self._told:
                return
            self._told.add(association)
        self._journal.ended(record)

    def _hint(self, record: AssociationRecord) -> None:
        if record.studies and self._hint_release:
            try:
                self._hint_release(record.studies)
            except Unavailable as failure:
                self._journal.hint_lost(record, failure)


def _wake_if_nothing_was_requested(event: Event) -> None:
    """End the wait for a request on a connection that was closed without one."""
    if event.assoc.requestor.primitive is None:
        event.assoc.dul.to_user_queue.put(None)


def policy_of(
    spaces: Mapping[str, Space], peers: Peers, services: Services, *, accepts_unknown_sop_classes: bool
) -> AssociationPolicy:
    """Offer what the services answer, under the AE titles of the spaces."""
    served = (one.sop_class_uids for one in services.values() if one.sop_class_uids)
    offer = Offer(frozenset[str]().union(*served), accepts_unknown_sop_classes)
    return AssociationPolicy({space.ae_title: name for name, space in spaces.items()}, peers, offer)
