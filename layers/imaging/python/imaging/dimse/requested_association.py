"""An association that we ask for; PS3.8 Section 7.1."""

import socket
import time
from collections.abc import Mapping, Sequence
from typing import cast

from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import DIMSEPrimitive
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.transport import AssociationSocket

from imaging.dimse.negotiation import lift_restrictions
from imaging.dimse.node import Node
from imaging.dimse.outgoing import Kind, Outgoing
from imaging.errors import Unavailable

MAX_KINDS = 128
"""Presentation contexts of an association: their odd IDs fit one byte, PS3.8 Section 9.3.2.2."""

_CONNECT_SECONDS = 10.0
_NEGOTIATION_SECONDS = 30.0
_RESPONSE_SECONDS = 120.0
_LOOK_AGAIN_SECONDS = 0.0005  # pynetdicom has nothing to wait on: neither room in its queue, nor its loop asleep
_STALLED_SECONDS = 60.0  # the peer takes nothing
_PDUS_AHEAD = 16  # in pynetdicom's queue
_LONGEST_PDU_BYTES = 128 * 1024  # also for a peer without a limit
_PDV_HEADER_BYTES = 6  # length, presentation context ID, message control header: PS3.8 Section 9.3.5.1
_OPEN = "Sta6"  # PS3.8 Table 9-4: association established and ready for data transfer

# Result, source and reason of a rejection, PS3.8 Table 9-21, that last until somebody mends a setting.
_REJECTIONS_TO_MEND = {
    (1, 1, 3): "does not know our AE title; mend the binding's calling_ae_title, or let the node know it",
    (1, 1, 7): "does not answer to the called AE title; mend the binding's called_ae_title",
}


class RequestedAssociation:
    """One association; for one thread at a time.

    Attributes
    ----------
    kinds
        What was proposed, each in a presentation context of its own.
    accepted
        Presentation context IDs of those that the node accepted.
    outgoing
        Sends requests over it.

    Raises
    ------
    Unavailable
        The node does not answer, or rejects or aborts the association.
    """

    def __init__(self, node: Node, kinds: Sequence[Kind]) -> None:
        lift_restrictions()
        self.kinds = frozenset(kinds)
        self._connections: list[socket.socket] = []
        self._association = _associate(node, kinds, self._connections)
        self.outgoing = Outgoing(self._association, self._next_response)
        self.accepted: Mapping[Kind, int] = {
            Kind(str(context.abstract_syntax), str(context.transfer_syntax[0])): int(context.context_id or 0)
            for context in self._association.accepted_contexts
        }
        if self._association.is_established:
            _silence(self._association)

    @property
    def is_open(self) -> bool:
        """Whether something can be sent."""
        return self.outgoing.is_open

    def _next_response(self) -> DIMSEPrimitive | None:
        response: DIMSEPrimitive | None = self._association.dimse.get_msg(block=True)[1]
        return response

    def release(self) -> None:
        """End it in good order."""
        if self.is_open:
            self._association.release()
        self.abort()

    def abort(self) -> None:
        """End it at once, if it has not ended."""
        self._association.abort()
        for connection in self._connections:  # pynetdicom leaves open what the peer closed first
            connection.close()


def _associate(node: Node, kinds: Sequence[Kind], connections: list[socket.socket]) -> Association:
    ae = AE(node.calling_ae_title)
    ae.connection_timeout = _CONNECT_SECONDS
    ae.acse_timeout = _NEGOTIATION_SECONDS
    ae.dimse_timeout = _RESPONSE_SECONDS
    ae.network_timeout = None
    try:
        association = ae.associate(
            node.host,
            node.port,
            [build_context(kind.sop_class_uid, kind.transfer_syntax_uid) for kind in kinds],
            ae_title=node.called_ae_title,
            evt_handlers=[(evt.EVT_CONN_OPEN, _tune, [connections])],
        )
    except OSError as failure:  # the name of the host is not known
        raise Unavailable(f"The node cannot be found ({type(failure).__name__}); it is tried again.") from None
    answer = association.acceptor.primitive
    if association.is_rejected and answer:
        raise _rejection(answer)
    if not association.is_established and not association.rejected_contexts:
        raise Unavailable("The node does not answer, or aborted the association; it is tried again.")
    return association


def _rejection(answer: A_ASSOCIATE) -> Unavailable:
    reason = (answer.result, answer.result_source, answer.diagnostic)
    if reason in _REJECTIONS_TO_MEND:
        return Unavailable(f"The node {_REJECTIONS_TO_MEND[reason]}.")
    return Unavailable(f"The node rejects the association ({'/'.join(map(str, reason))}); it is tried again.")


def _tune(event: Event, connections: list[socket.socket]) -> None:
    connection = cast(socket.socket, cast(AssociationSocket, event.assoc.dul.socket).socket)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(_STALLED_SECONDS)
    connections.append(connection)


def _silence(association: Association) -> None:
    """Keep pynetdicom's own loop asleep: now and then it takes a response that the caller waits for.

    It has no other way to say so than by what is its own.
    """
    association._reactor_checkpoint.clear()
    while not association._is_paused:
        time.sleep(_LOOK_AGAIN_SECONDS)
