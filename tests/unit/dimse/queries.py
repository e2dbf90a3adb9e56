"""C-FIND requests to an endpoint, and what comes back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from pydicom import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_FIND
from pynetdicom.dsutils import decode, encode
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation

from imaging.dimse.sop_classes import STUDY_ROOT_FIND
from tests.unit.dimse.files import until_released


@dataclass
class Found:
    """The answer to a request.

    Attributes
    ----------
    statuses
        Of the pending responses, each once, and of the last one.
    """

    identifiers: list[Dataset] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    comment: str = ""
    offending: int | None = None

    @property
    def status(self) -> int:
        """Of the last response."""
        return self.statuses[-1]

    def values(self, keyword: str) -> list[Any]:
        """One attribute of all matches."""
        return [identifier[keyword].value for identifier in self.identifiers]


@contextmanager
def find_association(
    port: int,
    *,
    called: str = "MAIN",
    model: str = STUDY_ROOT_FIND,
    transfer_syntax_uid: str = ExplicitVRLittleEndian,
    options: bytes = b"",
) -> Iterator[Association]:
    """An association for C-FIND requests; with extended negotiation, byte by byte."""
    ae = AE(ae_title="WORKSTATION")
    ae.add_requested_context(model, transfer_syntax_uid)
    negotiation = []
    if options:
        item = SOPClassExtendedNegotiation()
        item.sop_class_uid, item.service_class_application_information = model, options
        negotiation.append(item)
    association = ae.associate("127.0.0.1", port, ae_title=called, ext_neg=negotiation)
    assert association.is_established
    with until_released(association):
        yield association


def identifier(level: str, **keys: object) -> Dataset:
    """An Identifier; keys by keyword or, for private ones, `Dataset.add_new` afterwards."""
    ds = Dataset()
    ds.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(ds, keyword, value)
    return ds


def send(association: Association, asked: Dataset | bytes) -> tuple[str, int]:
    """Send one request; the transfer syntax and the ID of its context."""
    [context] = association.accepted_contexts
    transfer_syntax_uid = context.transfer_syntax[0]
    request = C_FIND()
    request.MessageID, request.AffectedSOPClassUID, request.Priority = 1, context.abstract_syntax, 2
    request.Identifier = BytesIO(asked if isinstance(asked, bytes) else _encoded(asked, transfer_syntax_uid))
    assert context.context_id is not None
    association.dimse.send_msg(request, context.context_id)
    return transfer_syntax_uid, context.context_id


def ask(
    association: Association,
    asked: Dataset | bytes,
    *,
    cancel_after: int | None = None,
    leave_after: int | None = None,
) -> Found:
    """Send one request and take all responses, those behind a C-CANCEL too, or abort the association.

    Parameters
    ----------
    cancel_after, leave_after
        How many responses come first.
    """
    transfer_syntax_uid, context_id = send(association, asked)
    found = Found()
    if cancel_after == 0:
        association.send_c_cancel(1, context_id)
    while True:
        _, answer = association.dimse.get_msg(block=True)
        assert answer is not None, "no response"
        if answer.Status not in found.statuses:
            found.statuses.append(answer.Status)
        if answer.Status >> 8 != 0xFF:
            found.comment = answer.ErrorComment or ""
            found.offending = answer.OffendingElement
            return found
        found.identifiers.append(_decoded(answer.Identifier, transfer_syntax_uid))
        if len(found.identifiers) == cancel_after:
            association.send_c_cancel(1, context_id)
        if len(found.identifiers) == leave_after:
            association.abort()
            return found


def find(port: int, asked: Dataset | bytes, **association: Any) -> Found:
    """One request over an association of its own."""
    with find_association(port, **association) as opened:
        return ask(opened, asked)


def _encoded(ds: Dataset, transfer_syntax_uid: str) -> bytes:
    encoded = encode(
        ds,
        transfer_syntax_uid == ImplicitVRLittleEndian,
        transfer_syntax_uid != ExplicitVRBigEndian,
        transfer_syntax_uid == DeflatedExplicitVRLittleEndian,
    )
    assert encoded is not None
    return encoded


def _decoded(encoded: BytesIO, transfer_syntax_uid: str) -> Dataset:
    return decode(
        encoded,
        transfer_syntax_uid == ImplicitVRLittleEndian,
        transfer_syntax_uid != ExplicitVRBigEndian,
        transfer_syntax_uid == DeflatedExplicitVRLittleEndian,
    )
