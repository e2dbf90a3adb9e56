"""The result of a request for storage commitment, as Event Information: PS3.4 Table J.3-2."""

from collections.abc import Mapping
from struct import pack

from imaging.dimse.identifier_encoding import Element, IdentifierEncoding
from imaging.model.commitment import Commitment, SopReference, Verdict

WELL_KNOWN_INSTANCE = "1.2.840.10008.1.20.1.1"
"""The only SOP Instance of the Storage Commitment Push Model, PS3.4 Section J.3.5."""

SUCCESSFUL = 1
FAILURES_EXIST = 2

# Failure Reason (0008,1197), PS3.3 Section C.14.1.1
FAILURE_REASONS: Mapping[Verdict, int] = {
    Verdict.MISSING: 0x0112,  # no such object instance
    Verdict.OTHER_CLASS: 0x0119,  # class / instance conflict
}

_RETRIEVE_AE_TITLE = 0x00080054
_REFERENCED_SOP_CLASS_UID = 0x00081150
_REFERENCED_SOP_INSTANCE_UID = 0x00081155
_TRANSACTION_UID = 0x00081195
_FAILURE_REASON = 0x00081197
_FAILED_SOP_SEQUENCE = 0x00081198
_REFERENCED_SOP_SEQUENCE = 0x00081199


def event_type_id(verdicts: Mapping[SopReference, Verdict]) -> int:
    """Say whether all is well."""
    return SUCCESSFUL if all(verdict is Verdict.COMMITTED for verdict in verdicts.values()) else FAILURES_EXIST


def event_information(
    commitment: Commitment, verdicts: Mapping[SopReference, Verdict], transfer_syntax_uid: str
) -> bytes:
    """Make the result of a request, encoded; instances can be retrieved from the AE that was asked."""
    committed = tuple(_item(reference) for reference, verdict in verdicts.items() if verdict is Verdict.COMMITTED)
    failed = tuple(
        _item(reference, FAILURE_REASONS[verdict])
        for reference, verdict in verdicts.items()
        if verdict is not Verdict.COMMITTED
    )
    elements = [
        Element(_RETRIEVE_AE_TITLE, "AE", commitment.called_ae_title.encode("latin-1", "replace")),
        Element(_TRANSACTION_UID, "UI", commitment.key.transaction_uid.encode()),
    ]
    if failed:
        elements.append(Element(_FAILED_SOP_SEQUENCE, "SQ", failed))
    if committed:
        elements.append(Element(_REFERENCED_SOP_SEQUENCE, "SQ", committed))
    return IdentifierEncoding(transfer_syntax_uid)(elements, ())


def _item(reference: SopReference, failure_reason: int | None = None) -> tuple[Element, ...]:
    named = (
        Element(_REFERENCED_SOP_CLASS_UID, "UI", reference.sop_class_uid.encode()),
        Element(_REFERENCED_SOP_INSTANCE_UID, "UI", reference.sop_instance_uid.encode()),
    )
    if failure_reason is None:
        return named
    return (*named, Element(_FAILURE_REASON, "US", pack("<H", failure_reason)))
