"""What is asked and told of storage commitment: Action and Event Information, PS3.4 Tables J.3-1 and J.3-2."""

from collections.abc import Mapping
from typing import cast

from pydicom import Dataset
from pydicom.dataelem import DataElement
from pydicom.uid import UID
from pynetdicom.dsutils import encode

from imaging.dicom.byte_source import BytesSource, RangeReader
from imaging.dicom.data_element import raw_value
from imaging.dicom.header import open_data_set
from imaging.dicom.transfer_syntaxes import is_implicit_vr
from imaging.dicom.uid import check_uid
from imaging.errors import Rejected, RejectReason
from imaging.model.commitment import Commitment, SopReference, Verdict

STORAGE_COMMITMENT = "1.2.840.10008.1.20.1"
"""Storage Commitment Push Model SOP Class."""
WELL_KNOWN_INSTANCE = "1.2.840.10008.1.20.1.1"
"""The only SOP Instance of it, PS3.4 Section J.3.5."""

SUCCESSFUL = 1
FAILURES_EXIST = 2

# Failure Reason (0008,1197), PS3.3 Section C.14.1.1
FAILURE_REASONS: Mapping[Verdict, int] = {
    Verdict.MISSING: 0x0112,  # no such object instance
    Verdict.OTHER_CLASS: 0x0119,  # class / instance conflict
}

_TRANSACTION_UID = 0x00081195
_REFERENCED_SOP_SEQUENCE = 0x00081199
_REFERENCED_SOP_CLASS_UID = 0x00081150
_REFERENCED_SOP_INSTANCE_UID = 0x00081155


def read_action_information(encoded: bytes, transfer_syntax_uid: str) -> tuple[str, tuple[SopReference, ...]]:
    """Read a request.

    Returns
    -------
    transaction_uid, references
        Each instance once, in the order of the request.

    Raises
    ------
    Rejected
        It is no data set, or lacks a UID or has one that is none.
    """
    source = BytesSource(encoded)
    elements = open_data_set(source, RangeReader(source), transfer_syntax_uid, keep_sequences=True)
    implicit_vr = elements.finds_implicit_vr(declared=is_implicit_vr(transfer_syntax_uid))
    ds = elements.read(implicit_vr=implicit_vr, stop_at=lambda _: False)
    transaction_uid = _uid(ds, "TransactionUID", _TRANSACTION_UID)
    sequence = ds.get_item(_REFERENCED_SOP_SEQUENCE)
    items = cast("list[Dataset]", sequence.value) if isinstance(sequence, DataElement) else []
    if not items:
        raise Rejected(RejectReason.MISSING_IDENTIFIER, "ReferencedSOPSequence is missing or has no items.")
    references = (
        SopReference(
            _uid(item, "ReferencedSOPClassUID", _REFERENCED_SOP_CLASS_UID),
            _uid(item, "ReferencedSOPInstanceUID", _REFERENCED_SOP_INSTANCE_UID),
        )
        for item in items
    )
    return transaction_uid, tuple(dict.fromkeys(references))


def _uid(ds: Dataset, keyword: str, tag: int) -> str:
    return check_uid(keyword, raw_value(ds, tag).decode("latin-1").strip("\0 "))


def event_type_id(verdicts: Mapping[SopReference, Verdict]) -> int:
    """Say whether all is well."""
    return SUCCESSFUL if all(verdict is Verdict.COMMITTED for verdict in verdicts.values()) else FAILURES_EXIST


def event_information(
    commitment: Commitment, verdicts: Mapping[SopReference, Verdict], transfer_syntax_uid: str
) -> bytes:
    """Make the result of a request, encoded; instances can be retrieved from the AE that was asked."""
    ds = Dataset()
    ds.RetrieveAETitle = commitment.called_ae_title
    ds.TransactionUID = commitment.key.transaction_uid
    committed = [_item(reference) for reference, verdict in verdicts.items() if verdict is Verdict.COMMITTED]
    failed = [
        _item(reference, FAILURE_REASONS[verdict])
        for reference, verdict in verdicts.items()
        if verdict is not Verdict.COMMITTED
    ]
    if failed:
        ds.FailedSOPSequence = failed
    if committed:
        ds.ReferencedSOPSequence = committed
    syntax = UID(transfer_syntax_uid)
    encoded = encode(ds, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
    return cast("bytes", encoded)  # None only if a value could not be written


def _item(reference: SopReference, failure_reason: int | None = None) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = reference
    if failure_reason:
        item.FailureReason = failure_reason
    return item
