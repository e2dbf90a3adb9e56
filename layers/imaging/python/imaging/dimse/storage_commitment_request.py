"""What a request for storage commitment says, read without making objects of it: PS3.4 Table J.3-1.

A request names up to 65,535 instances. Data sets made of them would take a hundred megabytes.
"""

from collections.abc import Iterator
from struct import Struct

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from imaging.dicom.data_element import (
    ITEM,
    ITEM_DELIMITATION,
    SEQUENCE_DELIMITATION,
    UNDEFINED_LENGTH,
    shows_implicit_vr,
)
from imaging.dicom.transfer_syntaxes import is_implicit_vr
from imaging.dicom.uid import check_uid
from imaging.dimse.inflated import inflated
from imaging.errors import Rejected, RejectReason
from imaging.model.commitment import SopReference

MAX_REFERENCES = 65_535

_MAX_BYTES = 16 * 1024 * 1024  # twice what so many references take
_MAX_DEPTH = 64
_TRANSACTION_UID = 0x00081195
_REFERENCED_SOP_SEQUENCE = 0x00081199
_REFERENCED_SOP_CLASS_UID = 0x00081150
_REFERENCED_SOP_INSTANCE_UID = 0x00081155
_UIDS = {_TRANSACTION_UID, _REFERENCED_SOP_CLASS_UID, _REFERENCED_SOP_INSTANCE_UID}
_LONG_VRS = {vr.encode() for vr in EXPLICIT_VR_LENGTH_32}
_HOLDING_ITEMS = {b"", b"SQ", b"UN"}  # where the length is undefined, PS3.5 Sections 7.5.1 and 6.2.2
_DELIMITERS = {ITEM, ITEM_DELIMITATION, SEQUENCE_DELIMITATION}

Uids = dict[int, str]
"""By tag, unchecked."""


def read_action_information(encoded: bytes, transfer_syntax_uid: str) -> tuple[str, tuple[SopReference, ...]]:
    """Read a request.

    Returns
    -------
    transaction_uid, references
        Each instance once, in the order of the request.

    Raises
    ------
    Rejected
        It is no data set, lacks a UID or has one that is none; `TOO_LARGE`
        for more than 65,535 items.
    """
    if transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
        encoded, transfer_syntax_uid = inflated(encoded, _MAX_BYTES), ExplicitVRLittleEndian
    declared = is_implicit_vr(transfer_syntax_uid)
    action = _Action(encoded, little_endian=transfer_syntax_uid != ExplicitVRBigEndian)
    uids = action.data_set(len(encoded), shows_implicit_vr(encoded[:6], declared=declared), depth=0)
    transaction_uid = _uid(uids, "TransactionUID", _TRANSACTION_UID)
    if not action.references:
        raise Rejected(RejectReason.MISSING_IDENTIFIER, "ReferencedSOPSequence is missing or has no items.")
    return transaction_uid, tuple(action.references)


def _uid(uids: Uids, keyword: str, tag: int) -> str:
    return check_uid(keyword, uids.get(tag, ""))


class _Action:
    """Goes through a data set from front to back."""

    def __init__(self, encoded: bytes, *, little_endian: bool) -> None:
        self.references: dict[SopReference, None] = {}
        self._encoded = encoded
        self._at = 0
        self._items_read = 0
        order = "<" if little_endian else ">"
        self._tag, self._short, self._long = Struct(f"{order}HH"), Struct(f"{order}H"), Struct(f"{order}L")

    def data_set(self, end: int, implicit_vr: bool, depth: int) -> Uids:
        """Go to where a data set ends, at the latest at `end`."""
        uids: Uids = {}
        while self._at < end:
            start = self._at
            if not depth and not any(self._encoded[start : start + 8]):
                break  # padding
            tag, vr, length = self._header(implicit_vr)
            if tag in _DELIMITERS:
                if tag != ITEM_DELIMITATION:
                    self._at = start  # its own delimiter is missing
                break
            value_end = self._end_of(length, end)
            if tag == _REFERENCED_SOP_SEQUENCE and not depth:
                for item in self._items(value_end, length, implicit_vr, depth):
                    self._refer_to(item)
            elif length == UNDEFINED_LENGTH:
                if vr not in _HOLDING_ITEMS:
                    raise _unreadable()
                for _ in self._items(value_end, length, implicit_vr, depth):
                    pass
            elif tag in _UIDS:
                uids[tag] = self._encoded[self._at : value_end].decode("latin-1").strip("\0 ")
            if length != UNDEFINED_LENGTH:
                self._at = value_end
        return uids

    def _refer_to(self, item: Uids) -> None:
        reference = SopReference(
            _uid(item, "ReferencedSOPClassUID", _REFERENCED_SOP_CLASS_UID),
            _uid(item, "ReferencedSOPInstanceUID", _REFERENCED_SOP_INSTANCE_UID),
        )
        self.references[reference] = None

    def _items(self, end: int, length: int, implicit_vr: bool, depth: int) -> Iterator[Uids]:
        """Go through the items of a sequence, PS3.5 Section 7.5."""
        if depth >= _MAX_DEPTH:
            raise _unreadable()
        while self._at < end:
            tag, _, item_length = self._header(implicit_vr=True)
            if tag == SEQUENCE_DELIMITATION:
                return
            if tag == ITEM_DELIMITATION:
                continue  # a second one, harmless
            if tag != ITEM:
                raise _unreadable()
            self._items_read += 1
            if self._items_read > MAX_REFERENCES:
                raise Rejected(RejectReason.TOO_LARGE, f"More than {MAX_REFERENCES} items; ask in smaller portions.")
            item_end = self._end_of(item_length, end)
            first = self._encoded[self._at : self._at + 6]
            # as in a file: what is implicit outside is implicit inside; the other way round both occur
            yield self.data_set(item_end, implicit_vr or shows_implicit_vr(first, declared=False), depth + 1)
            if item_length != UNDEFINED_LENGTH:
                self._at = item_end
        if length == UNDEFINED_LENGTH:
            raise _unreadable()

    def _header(self, implicit_vr: bool) -> tuple[int, bytes, int]:
        """Tag, VR (empty where none stands there) and length of the next element; PS3.5 Section 7.1."""
        group, number = self._tag.unpack(self._take(4))
        tag = group << 16 | number
        if implicit_vr or tag in _DELIMITERS:
            return tag, b"", self._long.unpack(self._take(4))[0]
        vr = self._take(2)
        if vr not in _LONG_VRS:
            return tag, vr, self._short.unpack(self._take(2))[0]
        self._take(2)
        return tag, vr, self._long.unpack(self._take(4))[0]

    def _take(self, size: int) -> bytes:
        taken = self._encoded[self._at : self._at + size]
        if len(taken) < size:
            raise _unreadable()
        self._at += size
        return taken

    def _end_of(self, length: int, outer_end: int) -> int:
        if length == UNDEFINED_LENGTH:
            return outer_end
        if self._at + length > outer_end:
            raise _unreadable()
        return self._at + length


def _unreadable() -> Rejected:
    return Rejected(RejectReason.NOT_DICOM, "The Action Information is no data set.")
