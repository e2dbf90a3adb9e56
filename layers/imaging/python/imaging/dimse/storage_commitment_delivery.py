"""The result of a request for commitment on its way to the requester: N-EVENT-REPORT, PS3.7 Section 10.1.1."""

import math
import ssl
from collections.abc import Callable
from io import BytesIO

from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom.dimse_primitives import N_EVENT_REPORT

from imaging.dimse.exchange import Exchange
from imaging.dimse.node import Node
from imaging.dimse.outgoing import Kind, Outgoing
from imaging.dimse.requested_association import RequestedAssociation
from imaging.dimse.sop_classes import STORAGE_COMMITMENT_PUSH_MODEL
from imaging.dimse.status import SUCCESS
from imaging.dimse.storage_commitment_messages import (
    WELL_KNOWN_INSTANCE,
    event_information,
    event_type_id,
)
from imaging.errors import Unavailable
from imaging.model.commitment import Commitment, SopReference, Verdict

Verdicts = dict[SopReference, Verdict]

_IN_THE_DEFAULT = Kind(
    STORAGE_COMMITMENT_PUSH_MODEL, str(ImplicitVRLittleEndian)
)  # which every AE supports, PS3.5 Section 10.1

_ANSWERING_SECONDS = 0.2  # what a requester takes that has nothing else to do


def quiet_in_seconds(exchange: Exchange, quiet_seconds: float) -> float:
    """In how many seconds at the earliest the association of a request has been quiet for so long; 0 if it has.

    Many release it at once, and who asks for something else just then does not
    expect a request of ours in place of the response.
    """
    if exchange.outgoing.is_notifying:
        return min(quiet_seconds, _ANSWERING_SECONDS)
    return max(quiet_seconds - exchange.idle_seconds, 0.0)


def send_on_its_association(commitment: Commitment, verdicts: Verdicts, exchange: Exchange) -> bool:
    """Tell the requester over the association of its request.

    Returns
    -------
    bool
        False if something else goes on there: nothing was sent.

    Raises
    ------
    Unavailable
        It has ended, or the requester does not confirm.
    """
    context = exchange.context
    return _send(
        commitment,
        verdicts,
        exchange.outgoing,
        context.context_id,
        context.transfer_syntax_uid,
        lambda: exchange.idle_seconds,
    )


def send_over_a_new_association(
    commitment: Commitment, verdicts: Verdicts, node: Node, secure: Callable[[], ssl.SSLContext]
) -> None:
    """Call the requester; we stay the SCP of the service although we ask for the association.

    Parameters
    ----------
    secure
        What shakes hands with a node that wants TLS.

    Raises
    ------
    Unavailable
        It cannot be reached, does not take the service's context, or does not confirm.
    """
    association = RequestedAssociation(node, [_IN_THE_DEFAULT], as_scp=True, secure=secure)
    try:
        if _IN_THE_DEFAULT not in association.accepted:
            raise Unavailable("The requester does not accept Storage Commitment with us as its SCP; let it accept it.")
        _send(
            commitment,
            verdicts,
            association.outgoing,
            association.accepted[_IN_THE_DEFAULT],
            _IN_THE_DEFAULT.transfer_syntax_uid,
            lambda: math.inf,
        )
        association.release()
    finally:
        association.abort()


def _send(
    commitment: Commitment,
    verdicts: Verdicts,
    outgoing: Outgoing,
    context_id: int,
    transfer_syntax_uid: str,
    idle_seconds: Callable[[], float],
) -> bool:
    event = N_EVENT_REPORT()
    event.AffectedSOPClassUID = STORAGE_COMMITMENT_PUSH_MODEL
    event.AffectedSOPInstanceUID = WELL_KNOWN_INSTANCE
    event.EventTypeID = event_type_id(verdicts)
    event.EventInformation = BytesIO(event_information(commitment, verdicts, transfer_syntax_uid))
    status = outgoing.notify(event, context_id, idle_seconds)
    if status not in {None, SUCCESS}:
        raise Unavailable(
            f"The requester answered the result of its request with status {status:04X}; it is told again."
        )
    return status is not None
