"""The result of a request for commitment on its way to the requester: N-EVENT-REPORT, PS3.7 Section 10.1.1."""

import ssl
import time
from collections.abc import Callable
from io import BytesIO

from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom.dimse_primitives import N_EVENT_REPORT

from imaging.dimse.exchange import Exchange
from imaging.dimse.node import Node
from imaging.dimse.outgoing import Kind, Outgoing
from imaging.dimse.requested_association import RequestedAssociation
from imaging.dimse.status import SUCCESS
from imaging.dimse.storage_commitment_messages import (
    STORAGE_COMMITMENT,
    WELL_KNOWN_INSTANCE,
    event_information,
    event_type_id,
)
from imaging.errors import Unavailable
from imaging.model.commitment import Commitment, SopReference, Verdict

Verdicts = dict[SopReference, Verdict]

_IN_THE_DEFAULT = Kind(STORAGE_COMMITMENT, str(ImplicitVRLittleEndian))  # which every AE supports, PS3.5 Section 10.1
_NOT_QUIET_SECONDS = 10.0


def send_on_its_association(
    commitment: Commitment, verdicts: Verdicts, exchange: Exchange, *, quiet_seconds: float
) -> bool:
    """Tell the requester over the association of its request, when it has been quiet for a moment.

    Many release it at once, and who asks for something else just then does not
    expect a request of ours in place of the response.

    Returns
    -------
    bool
        False if the association does not become quiet.

    Raises
    ------
    Unavailable
        It has ended, or the requester does not confirm.
    """
    until, seen = time.monotonic() + _NOT_QUIET_SECONDS, -1
    while exchange.is_open and (asked := _asked(exchange)) != seen:
        if time.monotonic() > until:
            return False
        seen = asked
        time.sleep(quiet_seconds)
    _send(commitment, verdicts, exchange.outgoing, exchange.context.context_id, exchange.context.transfer_syntax_uid)
    return True


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
        )
        association.release()
    finally:
        association.abort()


def _send(
    commitment: Commitment, verdicts: Verdicts, outgoing: Outgoing, context_id: int, transfer_syntax_uid: str
) -> None:
    event = N_EVENT_REPORT()
    event.AffectedSOPClassUID = STORAGE_COMMITMENT
    event.AffectedSOPInstanceUID = WELL_KNOWN_INSTANCE
    event.EventTypeID = event_type_id(verdicts)
    event.EventInformation = BytesIO(event_information(commitment, verdicts, transfer_syntax_uid))
    status = int(outgoing.ask(event, context_id).Status or 0)
    if status != SUCCESS:
        raise Unavailable(
            f"The requester answered the result of its request with status {status:04X}; it is told again."
        )


def _asked(exchange: Exchange) -> int:
    """How many requests of the association have been answered."""
    return sum(operations.count for operations in exchange.record.operations.values())
