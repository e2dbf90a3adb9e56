"""An association that we ask for; PS3.8 Section 7.1."""

import logging
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence

from pynetdicom import AE, build_context, build_role
from pynetdicom._globals import MODE_REQUESTOR
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.transport import AddressInformation

from imaging.dimse.incoming import IncomingMessages
from imaging.dimse.negotiation import lift_restrictions
from imaging.dimse.node import Node
from imaging.dimse.outgoing import Kind, Outgoing
from imaging.dimse.pdus import MAX_PDU_LENGTH_BYTES
from imaging.dimse.tls import client_context
from imaging.dimse.upper_layer import UpperLayer
from imaging.errors import Unavailable, nameless

_LOG = logging.getLogger(__name__)

MAX_KINDS = 128
"""Presentation contexts of an association: their odd IDs fit one byte, PS3.8 Section 9.3.2.2."""

_CONNECT_SECONDS = 10.0
_NEGOTIATION_SECONDS = 30.0
_RESPONSE_SECONDS = 120.0

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

    Parameters
    ----------
    as_scp
        Whether we are the SCP of what is proposed, PS3.7 Section D.3.3.4, as
        for N-EVENT-REPORT; else the node is.
    secure
        Makes what shakes hands with a node that speaks TLS.

    Raises
    ------
    Unavailable
        The node does not answer, or rejects or aborts the association.
    """

    def __init__(
        self,
        node: Node,
        kinds: Sequence[Kind],
        *,
        as_scp: bool = False,
        secure: Callable[[], ssl.SSLContext] = client_context,
    ) -> None:
        lift_restrictions()
        self.kinds = frozenset(kinds)
        self._connection = _connected(node, secure)
        self._association = association = _Requesting(node, kinds, self._connection, as_scp=as_scp)
        self.outgoing = association.outgoing
        try:
            association.request()
            _check_answer(association)
        except BaseException:
            self.abort()
            raise
        self.accepted: Mapping[Kind, int] = {
            Kind(str(context.abstract_syntax), str(context.transfer_syntax[0])): int(context.context_id or 0)
            for context in association.accepted_contexts
        }

    @property
    def is_open(self) -> bool:
        """Whether something can be sent."""
        return self.outgoing.is_open

    def release(self) -> None:
        """End it in good order."""
        if self.is_open:
            self._association.acse.negotiate_release()
        self.abort()

    def abort(self) -> None:
        """End it at once, if it has not ended."""
        self._association.abort()
        self._association.kill()  # who aborted it before may not have waited for its end
        self._connection.close()


class _Requesting(Association):
    """pynetdicom's, over our upper layer; its own reactor, which waits for requests of the node, never runs."""

    def __init__(self, node: Node, kinds: Sequence[Kind], connection: socket.socket, *, as_scp: bool) -> None:
        ae = AE(node.calling_ae_title)
        super().__init__(ae, MODE_REQUESTOR)
        self.dul = self._upper_layer = UpperLayer(self, connection, _tell)
        self.dimse = messages = IncomingMessages(self, None, self._upper_layer.wake)
        self.outgoing = Outgoing(self, self._upper_layer, messages)
        self._upper_layer.indicate_connection()
        self._upper_layer.event_queue.get()  # the connection is ours, and not of somebody who calls
        self.acse_timeout, self.dimse_timeout, self.network_timeout = _NEGOTIATION_SECONDS, _RESPONSE_SECONDS, None
        self.acceptor.ae_title = node.called_ae_title
        self.acceptor.address_info = AddressInformation.from_tuple(connection.getpeername())
        self.requestor.address_info = AddressInformation.from_tuple(connection.getsockname())
        self.requestor.ae_title = ae.ae_title
        self.requestor.maximum_length = MAX_PDU_LENGTH_BYTES
        self.requestor.implementation_class_uid = ae.implementation_class_uid
        self.requestor.implementation_version_name = ae.implementation_version_name
        contexts = [build_context(kind.sop_class_uid, kind.transfer_syntax_uid) for kind in kinds]
        for place, context in enumerate(contexts):
            context.context_id = 2 * place + 1
        self.requestor.requested_contexts = contexts
        for sop_class_uid in {kind.sop_class_uid for kind in kinds} if as_scp else ():
            self.requestor.add_negotiation_item(build_role(sop_class_uid, scp_role=True))

    def kill(self) -> None:
        """Return when nothing is sent or received any more; pynetdicom calls it by this name."""
        self._kill = True
        self.is_established = False
        self._upper_layer.join()


def _connected(node: Node, secure: Callable[[], ssl.SSLContext]) -> socket.socket:
    context = secure() if node.tls else None  # before the node hears of us: reading it may take a while, or fail
    try:
        connection = socket.create_connection((node.host, node.port), timeout=_CONNECT_SECONDS)
    except socket.gaierror as failure:
        raise Unavailable(f"The node cannot be found ({type(failure).__name__}); look at its host.") from None
    except OSError as failure:
        raise Unavailable(f"The node does not answer ({type(failure).__name__}); see that it runs.") from None
    if context is None:
        return connection
    try:
        return context.wrap_socket(connection, server_hostname=node.host)
    except OSError as failure:
        connection.close()
        reason = getattr(failure, "reason", None) or type(failure).__name__
        raise Unavailable(f"The node and we do not agree on TLS ({reason}); look at the certificates.") from None


def _check_answer(association: Association) -> None:
    answer = association.acceptor.primitive
    if association.is_rejected and answer:
        raise _rejection(answer)
    if not association.is_established and not association.rejected_contexts:
        raise Unavailable("The node does not answer, or aborted the association; its log says why.")


def _rejection(answer: A_ASSOCIATE) -> Unavailable:
    reason = (answer.result, answer.result_source, answer.diagnostic)
    if reason in _REJECTIONS_TO_MEND:
        return Unavailable(f"The node {_REJECTIONS_TO_MEND[reason]}.")
    return Unavailable(f"The node rejects the association ({'/'.join(map(str, reason))}); its log says why.")


def _tell(failure: Exception) -> None:
    """Nobody foresaw it; whoever waits for the association finds that it has ended."""
    _LOG.error("An association of ours failed", extra=nameless(failure))
