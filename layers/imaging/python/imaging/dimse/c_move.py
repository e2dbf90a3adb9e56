"""C-MOVE, PS3.7 Section 9.1.4: instances over associations of our own, to a node that the configuration knows."""

import ssl
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from pynetdicom.dimse_primitives import C_MOVE

from imaging.dimse.exchange import Exchange
from imaging.dimse.interruptible import interruptible
from imaging.dimse.node import Node
from imaging.dimse.outgoing import Kind, MoveOriginator
from imaging.dimse.peers import Peers
from imaging.dimse.requested_association import MAX_KINDS, RequestedAssociation
from imaging.dimse.retrieve import Carrier, Retrieve
from imaging.dimse.sop_classes import PATIENT_ROOT_MOVE, STUDY_ROOT_MOVE
from imaging.dimse.status import MOVE_DESTINATION_UNKNOWN, response
from imaging.dimse.sub_operations import SubOperations
from imaging.dimse.tls import client_context
from imaging.dimse.transfer_syntax_choice import proposed_kinds
from imaging.errors import Unavailable
from imaging.model.instance import Instance

MOVE_SOP_CLASSES = frozenset({PATIENT_ROOT_MOVE, STUDY_ROOT_MOVE})

_GRACE_SECONDS = 0.5  # for a running sub-operation to end in order, when nobody wants it any more


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
        node = self._peers.node(destination, record.space, record.called_ae_title)
        if node is None:
            exchange.respond(response(MOVE_DESTINATION_UNKNOWN, "The archive knows no node of this AE title."))
            return
        instances = self._retrieve.selected(request, exchange)
        if instances is None:
            return
        way = _OwnAssociations(node, self._secure, MoveOriginator(record.calling_ae_title, int(request.MessageID or 0)))
        counts = SubOperations(exchange, len(instances))
        has_ended = False
        try:
            has_ended = interruptible(
                partial(self._retrieve.send, instances, way, counts),
                _Watch(counts).goes_on,
                clean_up=way.close,
                failed_later=partial(self._retrieve.failed, exchange),
            )
            if not has_ended:
                counts.interrupt()
            self._retrieve.finish(counts, exchange)
        finally:
            if has_ended:
                way.close()
            else:
                way.give_up()


class _Watch:
    """Looks after a retrieve while its destination takes its time: to answer, to take what is sent, to be reached."""

    def __init__(self, counts: SubOperations) -> None:
        self._counts = counts
        self._until: float | None = None

    def goes_on(self) -> bool:
        """Tell the requester how far it is; whether it is to go on.

        Raises
        ------
        Unavailable
            The requester has gone.
        """
        self._counts.check_requester()
        self._counts.tell_if_due()
        if self._until is None and self._counts.is_cancelled:
            self._until = time.monotonic() + _GRACE_SECONDS
        return self._until is None or time.monotonic() < self._until


class _OwnAssociations:
    """An `imaging.dimse.retrieve.Way`, one association at a time."""

    def __init__(self, node: Node, secure: Callable[[], ssl.SSLContext], originator: MoveOriginator) -> None:
        self._node = node
        self._secure = secure
        self._association: RequestedAssociation | None = None
        self._is_given_up = False
        self._changing = threading.Lock()
        self.preferred: Sequence[str] = node.transfer_syntax_uids
        self.originator: MoveOriginator | None = originator

    def carrier(self, instances: Sequence[Instance]) -> Carrier:
        """See the protocol."""
        self.close()
        kinds, count = self._fitting(instances)
        association = RequestedAssociation(self._node, kinds, secure=self._secure)
        with self._changing:
            if not self._is_given_up:
                self._association = association
                return Carrier(association.outgoing, association.accepted, count)
        association.abort()
        raise Unavailable("Nobody wants the association any more.")

    def close(self) -> None:
        """Release the association, if one is open."""
        with self._changing:
            association, self._association = self._association, None
        if association:
            association.release()

    def give_up(self) -> None:
        """Abort the association, and one to come, under the hands of whoever uses it; nobody waits for its end."""
        with self._changing:
            self._is_given_up = True
            association = self._association
        if association:
            association.outgoing.abort(block=False)

    def _fitting(self, instances: Sequence[Instance]) -> tuple[list[Kind], int]:
        """What to propose for as many of the first instances as one association has contexts for."""
        kinds: dict[Kind, None] = {}
        for count, instance in enumerate(instances):
            with_it = kinds | dict.fromkeys(proposed_kinds(instance, self.preferred))
            if len(with_it) > MAX_KINDS and count:
                return list(kinds), count
            kinds = with_it
        return list(kinds), len(instances)
