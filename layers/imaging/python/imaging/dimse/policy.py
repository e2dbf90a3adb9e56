"""Whose association is accepted, and for what; PS3.8 Section 7.1.1."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pynetdicom.association import Association
from pynetdicom.pdu_primitives import A_ASSOCIATE, SOPClassExtendedNegotiation

from imaging.dimse.extended_negotiation import answer_to_options
from imaging.dimse.peers import NotAdmitted, Peer, Peers, significant
from imaging.dimse.presentation_contexts import Offer, narrow_to_accepted

_APPLICATION_CONTEXT_NAME = "1.2.840.10008.3.1.1.1"  # PS3.7 Annex A


class Rejection(NamedTuple):
    """Result, source and reason of an A-ASSOCIATE-RJ, PS3.8 Table 9-21, and what the log says of it."""

    result: int
    source: int
    reason: int
    because: str


CALLED_AE_TITLE_NOT_RECOGNISED = Rejection(1, 1, 7, "called AE title not recognised")
APPLICATION_CONTEXT_NOT_SUPPORTED = Rejection(1, 1, 2, "application context not supported")
STOPPING = Rejection(2, 3, 1, "stopping")
TOO_MANY_ASSOCIATIONS = Rejection(2, 3, 2, "too many associations")
TOO_MANY_CONNECTIONS = Rejection(2, 3, 2, "too many connections")
"""That ask for nothing: there is no room to wait for what the next one asks."""


def not_admitted(why: NotAdmitted) -> Rejection:
    """Return the rejection of a caller: the standard has one reason for all of them."""
    return Rejection(1, 1, 3, why.value)


REJECTIONS = (
    CALLED_AE_TITLE_NOT_RECOGNISED,
    APPLICATION_CONTEXT_NOT_SUPPORTED,
    *map(not_admitted, NotAdmitted),
    STOPPING,
    TOO_MANY_ASSOCIATIONS,
    TOO_MANY_CONNECTIONS,
)


@dataclass(frozen=True)
class Decision:
    """What becomes of a request for an association.

    Attributes
    ----------
    calling_ae_title, called_ae_title
        Their significant characters.
    space
        The storage space that the called AE title chooses; empty if none does.
    peer
        The entry of the registry that lets the caller in; None if none does.
    rejection
        None if it is accepted.
    """

    calling_ae_title: str
    called_ae_title: str
    space: str = ""
    peer: Peer | None = None
    rejection: Rejection | None = None


class AssociationPolicy:
    """Decides for all associations of an endpoint.

    Parameters
    ----------
    space_of_ae_title
        The storage spaces' names by called AE title.
    """

    def __init__(self, space_of_ae_title: Mapping[str, str], peers: Peers, offer: Offer) -> None:
        self._space_of_ae_title = space_of_ae_title
        self._peers = peers
        self._offer = offer

    def decide(self, request: A_ASSOCIATE, address: str) -> Decision:
        """Say whether an association is accepted; a caller whose host has a name may take a moment.

        Parameters
        ----------
        address
            From where it comes, as the socket says.
        """
        calling, called = significant(request.calling_ae_title), significant(request.called_ae_title)
        space = self._space_of_ae_title.get(called, "")
        if request.application_context_name != _APPLICATION_CONTEXT_NAME:
            return Decision(calling, called, space, rejection=APPLICATION_CONTEXT_NOT_SUPPORTED)
        if not space:
            return Decision(calling, called, rejection=CALLED_AE_TITLE_NOT_RECOGNISED)
        found = self._peers.caller(calling, address, space)
        if isinstance(found, NotAdmitted):
            return Decision(calling, called, space, rejection=not_admitted(found))
        return Decision(calling, called, space, found)

    def prepare(self, association: Association, peer: Peer) -> None:
        """Let pynetdicom negotiate what this peer may have; called before it negotiates.

        No presentation context may be left: the standard has such an
        association accepted, with all of them refused.
        """
        request, acceptor = association.requestor.primitive, association.acceptor
        if not isinstance(request, A_ASSOCIATE):
            return
        acceptor.supported_contexts = narrow_to_accepted(request, peer, self._offer)
        supported = {str(context.abstract_syntax) for context in acceptor.supported_contexts}
        for sop_class_uid, asked in association.requestor.sop_class_extended.items():
            promised = answer_to_options(str(sop_class_uid), asked)
            if promised and sop_class_uid in supported:
                item = SOPClassExtendedNegotiation()
                item.sop_class_uid = sop_class_uid
                item.service_class_application_information = promised
                acceptor.add_negotiation_item(item)
