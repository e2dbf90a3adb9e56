"""C-GET, PS3.7 Section 9.1.3: instances over the association of the request."""

from collections.abc import Sequence

from pynetdicom.dimse_primitives import C_GET

from imaging.dimse.exchange import Exchange
from imaging.dimse.retrieve import Carrier, Retrieve
from imaging.dimse.sop_classes import PATIENT_ROOT_GET, STUDY_ROOT_GET
from imaging.dimse.sub_operations import SubOperations
from imaging.errors import Unavailable
from imaging.model.instance import Instance

GET_SOP_CLASSES = frozenset({PATIENT_ROOT_GET, STUDY_ROOT_GET})


class CGet:
    """The service, for all associations."""

    def __init__(self, retrieve: Retrieve) -> None:
        self._retrieve = retrieve

    def answer(self, request: C_GET, exchange: Exchange) -> None:
        """Send what a request names, in the contexts in which the requester is SCP of storage."""
        instances = self._retrieve.selected(request, exchange)
        if instances is not None:
            counts = SubOperations(exchange, len(instances))
            self._retrieve.send(instances, _SameAssociation(exchange), counts)
            self._retrieve.finish(counts, exchange)


class _SameAssociation:
    """An `imaging.dimse.retrieve.Way`."""

    originator = None

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        peer = exchange.record.peer
        self.preferred: Sequence[str] = peer.transfer_syntax_uids if peer else ()

    def carrier(self, instances: Sequence[Instance]) -> Carrier:
        """See the protocol."""
        if not self._exchange.is_open:
            raise Unavailable("The requester has gone; it can ask again.")
        return Carrier(self._exchange.outgoing, self._exchange.storable, len(instances))
