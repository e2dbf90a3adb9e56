"""An association that a peer asked for: its requests, one after the other, each to the service that answers it.

pynetdicom carries the protocol below, PS3.8; its own service classes, which hold whole data sets in memory and decode
them, are not used.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydicom.uid import UID
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_CANCEL, DIMSEPrimitive

from imaging.dimse.exchange import Context, DimseService, Exchange
from imaging.dimse.extended_negotiation import QueryOptions, query_options
from imaging.dimse.incoming import IncomingMessages
from imaging.dimse.journal import AssociationRecord, Journal
from imaging.dimse.outgoing import Kind, Outgoing
from imaging.dimse.sop_classes import SERVICE_OF_SOP_CLASS
from imaging.dimse.status import NO_SUCH_SOP_CLASS, response
from imaging.dimse.upper_layer import UpperLayer
from imaging.errors import Unavailable


class Served(NamedTuple):
    """A service, and what it is asked under.

    Attributes
    ----------
    sop_class_uids
        Abstract syntaxes of the contexts it may be asked in; None: those of
        storage.
    """

    service: DimseService[Any]
    sop_class_uids: frozenset[str] | None = None

    def is_for(self, sop_class_uid: str) -> bool:
        """Whether it may be asked in contexts of this abstract syntax."""
        if self.sop_class_uids is None:
            return sop_class_uid not in SERVICE_OF_SOP_CLASS
        return sop_class_uid in self.sop_class_uids


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
    upper_layer: UpperLayer
    incoming: IncomingMessages
    outgoing: Outgoing
    _last_answered = 0.0

    @property
    def idle_seconds(self) -> float:
        """See `Asker`."""
        last_answered = self._last_answered  # before it is looked whether more has begun
        is_idle = self.incoming.is_idle and not self.upper_layer.is_reading
        return time.monotonic() - last_answered if is_idle else 0.0

    @property
    def cancelled(self) -> dict[int, C_CANCEL]:
        """See `Asker`."""
        return self.incoming.cancel_req

    @property
    def storable(self) -> dict[Kind, int]:
        """See `Asker`."""
        return {
            Kind(str(context.abstract_syntax), str(context.transfer_syntax[0])): int(context.context_id or 0)
            for context in self.accepted_contexts
            if context.as_scu
        }

    def options(self, sop_class_uid: str) -> QueryOptions:
        """See `Asker`."""
        return query_options(sop_class_uid, self.acceptor.sop_class_extended.get(UID(sop_class_uid), b""))

    def run_reactor(self) -> None:
        """Negotiate, and serve requests until the association ends; the thread's own."""
        try:
            super().run_reactor()
        except Exception as failure:  # the outermost guard of this thread: it ends one association
            self.failed(failure)
            self.abort()

    def failed(self, failure: Exception) -> None:
        """Tell of a fault of ours that nobody foresaw, beside the requests."""
        nobody_yet = AssociationRecord("", "", "")
        self.serving.journal.failed(getattr(self, "record", nobody_yet), "association", failure)

    def kill(self) -> None:
        """Return when nothing is sent or received any more; pynetdicom calls it by this name."""
        self._kill = True
        self.is_established = False
        if self.requestor.primitive is None:  # nothing was asked in time, and nobody would answer it any more
            self.upper_layer.kill_dul()
        self.upper_layer.join()

    def _run_reactor(self) -> None:
        """Wait for requests; pynetdicom looks for them a thousand times a second."""
        self._last_answered = time.monotonic()
        while not self._kill:
            heard = max(self._last_answered, self.upper_layer.last_heard)
            context_id, request = self.incoming.wait(_left_of(self.network_timeout, heard))
            if request is not None and context_id is not None:
                if self.outgoing.may_answer:
                    self._serve_request(request, context_id)
                self._last_answered = time.monotonic()
                self.incoming.answered(request)
            elif self.is_established and self.acse.is_release_requested():
                self.acse.send_release(is_response=True)
                self.is_released = True
                self.kill()
            elif self.acse.is_aborted() or self.upper_layer.has_ended:
                self.is_aborted = True
                self.kill()
            elif _left_of(self.network_timeout, max(self._last_answered, self.upper_layer.last_heard)) == 0:
                self.abort()

    def _serve_request(self, request: DIMSEPrimitive, context_id: int) -> None:
        accepted = self._accepted_cx.get(context_id)
        served = self.serving.services.get(type(request))
        if accepted is None or served is None or not request.is_valid_request:
            self.abort(block=False)
            return
        context = Context(context_id, str(accepted.abstract_syntax), str(accepted.transfer_syntax[0]))
        exchange = Exchange(self, context, request)
        began = self.serving.clock()
        try:
            if accepted.as_scp and served.is_for(context.abstract_syntax_uid):
                served.service.answer(request, exchange)
            else:
                exchange.respond(response(NO_SUCH_SOP_CLASS, "The context or our role in it is not for this request."))
        except Unavailable:
            pass  # the association is gone, and says so itself
        except Exception as failure:  # the outermost guard of this door
            self.serving.journal.failed(self.record, type(request).__name__, failure)
            self.abort(block=False)
        self.record.answered(type(request).__name__, self.serving.clock() - began, exchange.status)


def _left_of(timeout_seconds: float | None, since: float) -> float | None:
    """How much of it is left; None: it never ends."""
    return None if timeout_seconds is None else max(timeout_seconds - (time.monotonic() - since), 0)
