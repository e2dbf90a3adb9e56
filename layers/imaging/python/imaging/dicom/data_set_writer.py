"""Writes a data set as a Part 10 file, in Explicit VR Little Endian; PS3.10 Section 7, PS3.5 Section 7.1."""

from collections.abc import Mapping
from itertools import chain
from struct import pack
from typing import BinaryIO

from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, STR_VR, VR

from imaging.dicom.data_element import ITEM, UNDEFINED_LENGTH, element_header
from imaging.dicom.encapsulation import BulkValue, Encapsulation, encapsulated
from imaging.dicom.json_data_set import BulkReference, Elements, JsonDataSet, JsonElement
from imaging.dicom.part10 import file_meta_information
from imaging.errors import Rejected, RejectReason

PIXEL_DATA = 0x7FE00010
_OFFSET_TABLES = {0x7FE00001, 0x7FE00002}  # Extended Offset Table and its lengths

_MADE_HERE = {Encapsulation.FRAMES, Encapsulation.STREAM}

_MAX_SHORT_LENGTH = 0xFFFE
_MAX_LENGTH = 0xFFFFFFFE


def write_part10(
    target: BinaryIO, data_set: JsonDataSet, transfer_syntax_uid: str, bulk_values: Mapping[str, BulkValue]
) -> None:
    """Write a whole file.

    The same data set always makes the same bytes. Bulk values are copied piece
    by piece, also those within sequences, which pydicom would hold in memory.

    Parameters
    ----------
    target
        An empty file that can be sought.
    transfer_syntax_uid
        Explicit VR Little Endian, or a compressed one.
    bulk_values
        By BulkDataURI, every one that the data set has; Pixel Data that is
        given inline and compressed under the URI ``""``.

    Raises
    ------
    Rejected
        `TOO_LARGE` if a value is longer than an element can be.
    """
    target.write(file_meta_information(data_set.sop_class_uid, data_set.sop_instance_uid, transfer_syntax_uid))
    elements = data_set.elements
    if any(_encapsulation(element, bulk_values) in _MADE_HERE for element in elements):
        # They tell of other fragments.
        elements = tuple(element for element in elements if element.tag not in _OFFSET_TABLES)
    try:
        _Writer(target, bulk_values).data_set(elements)
    except _TooLongError as error:
        raise Rejected(
            RejectReason.TOO_LARGE,
            "A value of the instance is longer than the 4 GiB that an element can have.",
            sop_class_uid=data_set.sop_class_uid,
            sop_instance_uid=data_set.sop_instance_uid,
        ) from error


class _TooLongError(Exception):
    """A length has 32 bits."""


def _encapsulation(element: JsonElement, bulk_values: Mapping[str, BulkValue]) -> Encapsulation | None:
    if element.tag != PIXEL_DATA or not isinstance(element.value, BulkReference):
        return None
    return bulk_values[element.value.uri].encapsulation


class _Writer:
    def __init__(self, target: BinaryIO, bulk_values: Mapping[str, BulkValue]) -> None:
        self._target = target
        self._bulk_values = bulk_values

    def data_set(self, elements: Elements) -> None:
        for element in elements:
            if isinstance(element.value, tuple):
                self._header(element, VR.SQ.value, 0)
                self._with_length(element.value)
            elif isinstance(element.value, BulkReference):
                self._bulk(element, self._bulk_values[element.value.uri])
            else:
                self._value(element, element.value)

    def _with_length(self, items: tuple[Elements, ...]) -> None:
        """Items with their lengths, so that a reader can pass over them: PS3.5 Section 7.5.1."""
        start = self._target.tell()
        for item in items:
            self._target.write(pack("<HHL", ITEM >> 16, ITEM & 0xFFFF, 0))
            start_of_item = self._target.tell()
            self.data_set(item)
            self._set_length(start_of_item)
        self._set_length(start)

    def _set_length(self, start: int) -> None:
        """Correct the length that ends at `start` to what has been written since."""
        end = self._target.tell()
        if end - start > _MAX_LENGTH:
            raise _TooLongError
        self._target.seek(start - 4)
        self._target.write(pack("<L", end - start))
        self._target.seek(end)

    def _value(self, element: JsonElement, value: bytes) -> None:
        self._header(element, element.vr, len(value))
        self._target.write(value + _padding(element.vr, len(value)))

    def _bulk(self, element: JsonElement, value: BulkValue) -> None:
        if _encapsulation(element, self._bulk_values):
            self._target.write(element_header(element.tag, VR.OB.value, UNDEFINED_LENGTH))  # PS3.5 Section A.4: OB
            for piece in encapsulated(value):
                self._target.write(piece)
            return
        size_bytes = sum(part.size_bytes for part in value.ranges)
        self._header(element, element.vr, size_bytes)
        for piece in chain.from_iterable(part.pieces() for part in value.ranges):
            self._target.write(piece)  # a spooled file would gather in memory what it is given by writelines
        self._target.write(_padding(element.vr, size_bytes))

    def _header(self, element: JsonElement, vr: str, size_bytes: int) -> None:
        length = size_bytes + size_bytes % 2
        if length > _MAX_LENGTH:
            raise _TooLongError
        if vr not in EXPLICIT_VR_LENGTH_32 and length > _MAX_SHORT_LENGTH:
            vr = VR.UN.value  # PS3.5 Section 6.2.2
        self._target.write(element_header(element.tag, vr, length))


def _padding(vr: str, size_bytes: int) -> bytes:
    """To even length: a space after text, NUL after UIDs and binary values; PS3.5 Section 6.2."""
    return (b" " if vr in STR_VR and vr != VR.UI else b"\0") * (size_bytes % 2)
