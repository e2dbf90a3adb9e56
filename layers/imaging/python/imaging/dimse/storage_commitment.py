"""Storage commitment, PS3.4 Annex J: requests by N-ACTION, PS3.7 Section 10.1.4, confirmed when they are durable."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from pydicom import Dataset
from pynetdicom.dimse_primitives import N_ACTION

from imaging.dimse.exchange import Exchange
from imaging.dimse.sop_classes import STORAGE_COMMITMENT_PUSH_MODEL
from imaging.dimse.status import (
    INVALID_ARGUMENT_VALUE,
    NO_SUCH_ACTION,
    NO_SUCH_SOP_CLASS_OF_ACTION,
    NO_SUCH_SOP_INSTANCE,
    RESOURCE_LIMITATION,
    SUCCESS,
    response,
)
from imaging.dimse.storage_commitment_messages import WELL_KNOWN_INSTANCE
from imaging.dimse.storage_commitment_request import read_action_information
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.commitment import Commitment, CommitmentKey

REQUEST_STORAGE_COMMITMENT = 1  # Action Type ID, PS3.4 Table J.3-1


class Requests(Protocol):
    """Where requests go; `imaging.dimse.storage_commitment_reports.CommitmentReports`."""

    def request(self, commitment: Commitment) -> str | None:
        """Make a request durable; what `begin` needs, or None if other instances are pending under its key."""

    def begin(self, key: CommitmentKey, token: str, exchange: Exchange) -> None:
        """Go on with a request that has been kept."""


class NAction:
    """The service, for all associations."""

    def __init__(self, requests: Requests, clock: Callable[[], datetime]) -> None:
        self._requests = requests
        self._clock = clock

    def answer(self, request: N_ACTION, exchange: Exchange) -> None:
        """Keep a request, confirm it, and let it be verified; or say why it is not."""
        refusal = _refusal(request)
        if refusal:
            exchange.respond(refusal)
            return
        try:
            key, token = self._keep(request, exchange)
        except Rejected as rejected:
            is_too_large = rejected.reason is RejectReason.TOO_LARGE
            exchange.respond(response(RESOURCE_LIMITATION if is_too_large else INVALID_ARGUMENT_VALUE, str(rejected)))
            return
        except Unavailable:
            exchange.respond(response(RESOURCE_LIMITATION, "The archive cannot take the request now; ask again later."))
            return
        try:
            exchange.respond(response(SUCCESS))
        finally:  # kept is kept, whether or not the requester has heard it
            self._requests.begin(key, token, exchange)

    def _keep(self, request: N_ACTION, exchange: Exchange) -> tuple[CommitmentKey, str]:
        information = request.ActionInformation.getvalue() if request.ActionInformation else b""
        transaction_uid, references = read_action_information(information, exchange.context.transfer_syntax_uid)
        record = exchange.record
        key = CommitmentKey(record.space, record.calling_ae_title, transaction_uid)
        token = self._requests.request(Commitment(key, record.called_ae_title, references, self._clock()))
        if token is None:
            raise Rejected(
                RejectReason.MALFORMED_REQUEST, "TransactionUID is in use for other instances; make a new one."
            )
        return key, token


def _refusal(request: N_ACTION) -> Dataset | None:
    """What is wrong with the command set; PS3.7 Section 10.1.4.1.10."""
    if request.RequestedSOPClassUID != STORAGE_COMMITMENT_PUSH_MODEL:
        return response(NO_SUCH_SOP_CLASS_OF_ACTION, f"Requested SOP Class UID is not {STORAGE_COMMITMENT_PUSH_MODEL}.")
    if request.RequestedSOPInstanceUID != WELL_KNOWN_INSTANCE:
        return response(NO_SUCH_SOP_INSTANCE, f"The only SOP Instance is {WELL_KNOWN_INSTANCE}.")
    if request.ActionTypeID != REQUEST_STORAGE_COMMITMENT:
        return response(NO_SUCH_ACTION, "The only Action Type ID is 1.")
    return None
