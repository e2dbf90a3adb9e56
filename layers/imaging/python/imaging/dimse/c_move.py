"""C-MOVE, PS3.7 Section 9.1.4: instances over associations of our own, to a node that the configuration knows."""

import ssl
from collections.abc import Callable, Sequence

from pynetdicom.dimse_primitives import C_MOVE

from imaging.dimse.exchange import Exchange
from imaging.dimse.node import Node
from imaging.dimse.outgoing import Kind, MoveOriginator
from imaging.dimse.peers import Peers
from imaging.dimse.requested_association import MAX_KINDS, RequestedAssociation
from imaging.dimse.retrieve import Carrier, Retrieve
from imaging.dimse.sop_classes import PATIENT_ROOT_MOVE, STUDY_ROOT_MOVE
from imaging.dimse.status import response
from imaging.dimse.tls import client_context
from imaging.dimse.transfer_syntax_choice import proposed_kinds
from imaging.model.instance import Instance

MOVE_SOP_CLASSES = frozenset({PATIENT_ROOT_MOVE, STUDY_ROOT_MOVE})
MOVE_DESTINATION_UNKNOWN = 0xA801


class CMove:
    """The service, for all associations.

    Parameters
    ----------
    peers
        Know where destinations listen.
    secure
        Makes what shakes hands with those that speak TLS.
    """

    def __init__(self, retrieve: Retrieve, peers: Peers, secure: Callable[[], ssl.SSLContext] = client_context) -> None:
        self._retrieve = retrieve
        self._peers = peers
        self._secure = secure

    def answer(self, request: C_MOVE, exchange: Exchange) -> None:
        """Send what a request names to where it says."""
        record = exchange.record
        destination = (request.MoveDestination or "").strip()
        node = self._peers.node(destination, record.called_ae_title)
        if node is None:
            exchange.respond(response(MOVE_DESTINATION_UNKNOWN, "The archive knows no node of this AE title."))
            return
        instances = self._retrieve.selected(request, exchange)
        if instances is None:
            return
        way = _OwnAssociations(node, self._secure, MoveOriginator(record.calling_ae_title, int(request.MessageID or 0)))
        try:
            self._retrieve.send(instances, way, exchange)
        finally:
            way.close()


class _OwnAssociations:
    """An `imaging.dimse.retrieve.Way`, one association at a time."""

    is_elsewhere = True

    def __init__(self, node: Node, secure: Callable[[], ssl.SSLContext], originator: MoveOriginator) -> None:
        self._node = node
        self._secure = secure
        self._association: RequestedAssociation | None = None
        self.preferred: Sequence[str] = node.transfer_syntax_uids
        self.originator: MoveOriginator | None = originator

    def carrier(self, instances: Sequence[Instance]) -> Carrier:
        """See the protocol."""
        self.close()
        kinds, count = self._fitting(instances)
        association = RequestedAssociation(self._node, kinds, secure=self._secure)
        self._association = association
        return Carrier(association.outgoing, association.accepted, count)

    def close(self) -> None:
        """Release the association, if one is open."""
        association, self._association = self._association, None
        if association:
            association.release()

    def _fitting(self, instances: Sequence[Instance]) -> tuple[list[Kind], int]:
        """What to propose for as many of the first instances as one association has contexts for."""
        kinds: dict[Kind, None] = {}
        for count, instance in enumerate(instances):
            with_it = kinds | dict.fromkeys(proposed_kinds(instance, self.preferred))
            if len(with_it) > MAX_KINDS and count:
                return list(kinds), count
            kinds = with_it
        return list(kinds), len(instances)
