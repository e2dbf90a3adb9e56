"""An association that we ask for, and C-STORE over it; PS3.8 Section 7.1 and PS3.7 Section 9.1.1.

pynetdicom negotiates and carries the messages. The data set goes out beside its own way of making a message, in pieces
as they come from the store: whatever its size, a few PDUs of it are in memory.
"""

import itertools
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import NamedTuple, cast

from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import A_ASSOCIATE, P_DATA
from pynetdicom.transport import AssociationSocket

from imaging.dimse.negotiation import lift_restrictions
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


@dataclass(frozen=True)
class Node:
    """A DIMSE node as a binding's configuration names it."""

    host: str
    port: int
    called_ae_title: str
    calling_ae_title: str


class Kind(NamedTuple):
    """What a presentation context is for."""

    sop_class_uid: str
    transfer_syntax_uid: str


class RequestedAssociation:
    """One association; for one thread at a time.

    Attributes
    ----------
    kinds
        What was proposed, each in a presentation context of its own.
    accepted
        Presentation context IDs of those that the node accepted.

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
        self._message_ids = itertools.cycle(range(1, 65536))
        self.accepted: Mapping[Kind, int] = {
            Kind(str(context.abstract_syntax), str(context.transfer_syntax[0])): int(context.context_id or 0)
            for context in self._association.accepted_contexts
        }
        if self._association.is_established:
            _silence(self._association)

    @property
    def is_open(self) -> bool:
        """Whether something can be sent."""
        return bool(self._association.is_established and self._association.dul.state_machine.current_state == _OPEN)

    def store(self, kind: Kind, sop_instance_uid: str, data_set: Iterable[bytes]) -> int:
        """Send an instance.

        Parameters
        ----------
        data_set
            Its bytes in order, none of the pieces empty.

        Returns
        -------
        int
            The Status (0000,0900) of the response.

        Raises
        ------
        Unavailable
            The association ended, or no response came in time.
        """
        context_id = self.accepted[kind]
        message_id = next(self._message_ids)
        for fragment in itertools.chain(
            _command(context_id, message_id, kind, sop_instance_uid), self._fragments(context_id, data_set)
        ):
            self._wait_for_room()
            self._association.dul.send_pdu(fragment)
        _, response = self._association.dimse.get_msg(block=True)
        if (
            not isinstance(response, C_STORE)
            or response.MessageIDBeingRespondedTo != message_id
            or response.Status is None
        ):
            self.abort()
            raise Unavailable("The node did not answer a C-STORE; it is tried again.")
        return int(response.Status)

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

    def _fragments(self, context_id: int, data_set: Iterable[bytes]) -> Iterator[P_DATA]:
        longest = min(self._association.dimse.maximum_pdu_size or _LONGEST_PDU_BYTES, _LONGEST_PDU_BYTES)
        previous = b""
        for fragment in _cut(data_set, longest - _PDV_HEADER_BYTES):
            if previous:
                yield _p_data(context_id, b"\x00", previous)
            previous = fragment
        yield _p_data(context_id, b"\x02", previous)  # the last one, PS3.8 Section E.2

    def _wait_for_room(self) -> None:
        until = time.monotonic() + _STALLED_SECONDS
        while self._association.dul.to_provider_queue.qsize() >= _PDUS_AHEAD:
            if not self.is_open or time.monotonic() > until:
                break
            time.sleep(_LOOK_AGAIN_SECONDS)
        else:
            if self.is_open:
                return
        self.abort()
        raise Unavailable("The node broke off the association or takes no more; it is tried again.")


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


def _command(context_id: int, message_id: int, kind: Kind, sop_instance_uid: str) -> Iterator[P_DATA]:
    request = C_STORE()
    request.MessageID = message_id
    request.Priority = 0
    request.AffectedSOPClassUID = kind.sop_class_uid
    request.AffectedSOPInstanceUID = sop_instance_uid
    request.DataSet = BytesIO()  # one will follow
    message = C_STORE_RQ()
    message.primitive_to_message(request)
    return message.encode_msg(context_id, 0)


def _p_data(context_id: int, control_header: bytes, fragment: bytes) -> P_DATA:
    primitive = P_DATA()
    primitive.presentation_data_value_list.append((context_id, control_header + fragment))
    return primitive


def _cut(pieces: Iterable[bytes], size_bytes: int) -> Iterator[bytes]:
    """The same bytes in pieces of that size, the last one shorter."""
    left = b""
    for piece in pieces:
        whole = left + piece if left else piece
        end = len(whole) // size_bytes * size_bytes
        for first in range(0, end, size_bytes):
            yield whole[first : first + size_bytes]
        left = whole[end:]
    if left:
        yield left
