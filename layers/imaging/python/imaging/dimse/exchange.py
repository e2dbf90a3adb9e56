"""One request of a peer, while it is being answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from pydicom import Dataset
from pynetdicom.dimse_primitives import C_CANCEL, DIMSEPrimitive

from imaging.dimse.answer import answer_to
from imaging.dimse.extended_negotiation import QueryOptions
from imaging.dimse.journal import AssociationRecord
from imaging.dimse.outgoing import Kind, Outgoing

Request_contra = TypeVar("Request_contra", bound=DIMSEPrimitive, contravariant=True)


@dataclass(frozen=True)
class Context:
    """The presentation context that a request came in."""

    context_id: int
    abstract_syntax_uid: str
    transfer_syntax_uid: str


class Asker(Protocol):
    """The association that a request came over."""

    @property
    def record(self) -> AssociationRecord:
        """Who it is, and what has become of its requests."""

    @property
    def outgoing(self) -> Outgoing:
        """What we send to it, responses and requests of ours."""

    @property
    def idle_seconds(self) -> float:
        """How long nothing has been asked or answered; 0 while something is, and while a message comes in."""

    @property
    def cancelled(self) -> dict[int, C_CANCEL]:
        """The C-CANCEL requests that came while this request is answered, by Message ID Being Responded To."""

    @property
    def storable(self) -> dict[Kind, int]:
        """In which contexts the peer takes C-STORE requests of ours: those it accepts the SCP role for."""

    def options(self, sop_class_uid: str) -> QueryOptions:
        """What was negotiated for a class of the Query/Retrieve service."""


class Exchange:
    """What a service needs of the association to answer one request.

    Attributes
    ----------
    status
        Of the last response that was sent; None before.
    """

    def __init__(self, asker: Asker, context: Context, request: DIMSEPrimitive) -> None:
        self._asker = asker
        self.context = context
        self._request = request
        self.status: int | None = None

    @property
    def record(self) -> AssociationRecord:
        """The association: its space, its titles, its counts."""
        return self._asker.record

    @property
    def outgoing(self) -> Outgoing:
        """To ask something of the peer over the same association, as C-GET and storage commitment do."""
        return self._asker.outgoing

    @property
    def idle_seconds(self) -> float:
        """How long the peer has asked nothing more; 0 while a request is answered or a message comes in."""
        return self._asker.idle_seconds

    @property
    def storable(self) -> dict[Kind, int]:
        """In which contexts the peer takes C-STORE requests of ours."""
        return self._asker.storable

    def options(self, sop_class_uid: str) -> QueryOptions:
        """What was negotiated for a class of the Query/Retrieve service, beyond its plain rules."""
        return self._asker.options(sop_class_uid)

    @property
    def is_cancelled(self) -> bool:
        """Whether the peer has taken its request back, PS3.7 Section 9.3.2.3."""
        return self._request.MessageID in self._asker.cancelled

    @property
    def is_open(self) -> bool:
        """Whether anything can still be answered."""
        return self._asker.outgoing.is_open

    def respond(self, outcome: Dataset, identifier: bytes = b"", **parameters: int) -> None:
        """Send a response: one of several, or the only one.

        Parameters
        ----------
        outcome
            Status (0000,0900), and Error Comment (0000,0902) or what else of
            the command set tells more; `imaging.dimse.status.response` makes it.
        identifier
            The data set that goes with it, encoded in the context's transfer
            syntax: an Identifier, an Action Reply.
        parameters
            Of pynetdicom's primitive, such as
            ``NumberOfRemainingSuboperations``.

        Raises
        ------
        Unavailable
            The association ended, or the peer takes nothing.
        """
        self.outgoing.send(self._response(outcome, identifier, parameters), self.context.context_id)

    def respond_each(self, outcome: Dataset, identifiers: Sequence[bytes]) -> None:
        """Send the same response with each of these Identifiers, all at once; see `respond`."""
        if identifiers:
            response = self._response(outcome, identifiers[0], {})
            self.outgoing.send_each(response, self.context.context_id, identifiers)

    def _response(self, outcome: Dataset, identifier: bytes, parameters: Mapping[str, int]) -> DIMSEPrimitive:
        response = answer_to(self._request, identifier)
        for element in outcome:
            setattr(response, element.keyword, element.value)
        for name, value in parameters.items():
            setattr(response, name, value)
        self.status = int(outcome.Status)
        return response


class DimseService(Protocol[Request_contra]):
    """Answers requests of one kind; in the thread of the association, one at a time."""

    def answer(self, request: Request_contra, exchange: Exchange, /) -> None:
        """Answer a request, by one final response or, if the association is gone, by none.

        Raises
        ------
        Unavailable
            The association ended meanwhile.
        """
