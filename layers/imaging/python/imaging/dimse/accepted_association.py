"""An association that a peer asked for: its requests, one after the other, each to the service that answers it.

pynetdicom carries the protocol below, PS3.8; its own service classes, which hold whole data sets in memory and decode
them, are not used.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_CANCEL, DIMSEPrimitive

from imaging.dimse.exchange import Context, DimseService, Exchange
from imaging.dimse.journal import AssociationRecord, Journal
from imaging.dimse.outgoing import Kind, Outgoing
from imaging.dimse.status import NO_SUCH_SOP_CLASS, response
from imaging.errors import Unavailable


class Served(NamedTuple):
    """A service, and what it is asked under.

    Attributes
    ----------
    sop_class_uids
        Abstract syntaxes of the contexts it may be asked in; None: any.
    """

    service: DimseService[Any]
    sop_class_uids: frozenset[str] | None = None


Services = Mapping[type[DIMSEPrimitive], Served]
"""By the kind of request."""


@dataclass(frozen=True)
class Serving:
    """What all associations of an endpoint share."""

    services: Services
    journal: Journal
    clock: Callable[[], float] = time.monotonic


class AcceptedAssociation(Association):
    """pynetdicom's, with services of our own; an `imaging.dimse.exchange.Asker`.

    Attributes
    ----------
    record
        Set before anything is negotiated.
    """

    serving: Serving
    record: AssociationRecord
    outgoing: Outgoing

    @property
    def cancelled(self) -> dict[int, C_CANCEL]:
        """See `Asker`."""
        return self.dimse.cancel_req

    @property
    def storable(self) -> dict[Kind, int]:
        """See `Asker`."""
        return {
            Kind(str(context.abstract_syntax), str(context.transfer_syntax[0])): int(context.context_id or 0)
            for context in self.accepted_contexts
            if context.as_scu
        }

    def _serve_request(self, request: DIMSEPrimitive, context_id: int) -> None:
        accepted = self._accepted_cx.get(context_id)
        served = self.serving.services.get(type(request))
        if accepted is None or served is None or not request.is_valid_request:
            self.abort(block=False)
            return
        context = Context(context_id, str(accepted.abstract_syntax), str(accepted.transfer_syntax[0]))
        exchange = Exchange(self, context, request)
        self.dimse.cancel_req.clear()
        began = self.serving.clock()
        try:
            if served.sop_class_uids is None or context.abstract_syntax_uid in served.sop_class_uids:
                served.service.answer(request, exchange)
            else:
                exchange.respond(response(NO_SUCH_SOP_CLASS, "The context is not for this request."))
        except Unavailable:
            pass  # the association is gone, and says so itself
        except Exception as failure:  # the outermost guard of this door
            self.serving.journal.failed(self.record, type(request).__name__, failure)
            self.abort(block=False)
        self.record.answered(type(request).__name__, self.serving.clock() - began, exchange.status)
