"""A data set of any encoding in Little Endian, its values unconverted; PS3.5 Sections 7.1 and 7.5."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from struct import pack
from typing import TypeAlias

from pydicom import Dataset
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, STR_VR, VR

from imaging.dicom.data_element import (
    ITEM,
    UNDEFINED_LENGTH,
    Element,
    element_header,
    implicit_element_header,
    raw_value,
)
from imaging.dicom.json_model import PIXEL_REPRESENTATION, belongs, value_vr
from imaging.dicom.json_value import CONVERSION_ERRORS
from imaging.dicom.long_values import is_missing
from imaging.dicom.native_frame import swapped
from imaging.dicom.quiet import without_warnings
from imaging.errors import Rejected, RejectReason

MAX_LENGTH = 0xFFFFFFFE

_MAX_SHORT_LENGTH = 0xFFFE
_NUMBER_BYTES = (
    dict.fromkeys(("AT", "OW", "SS", "US"), 2)
    | dict.fromkeys(("FL", "OF", "OL", "SL", "UL"), 4)
    | dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), 8)
)
_KNOWN_VRS = frozenset(vr.value for vr in VR)


@dataclass(frozen=True)
class LongValue:
    """A value, or all of it but its padding, that is left where it lies until it is sent.

    Attributes
    ----------
    first
        Its first byte, where the data set was read from.
    number_bytes
        How long the numbers are whose bytes stand the other way round; 1: none do.
    """

    first: int
    size_bytes: int
    number_bytes: int = 1


Recoded: TypeAlias = bytes | LongValue
"""Of a data set: what is sent as it stands, or what is fetched when its turn comes."""


def recoded(ds: Dataset, *, signed: bool = False, implicit_vr: bool = False) -> list[Recoded]:
    """Encode a data set as the reader left it, sequences with their lengths.

    Group lengths are left out, which the encoding changes (PS3.5 Section 7.2).
    Text stays in its character set, a value that breaks its VR as it is. What
    is of no known VR becomes UN.

    Parameters
    ----------
    ds
        As `imaging.dicom.header.read_header` makes it; values that were passed over may be missing.
    signed
        Pixel Representation of what surrounds it.
    implicit_vr
        Leave the VRs out, as Implicit VR Little Endian does; else it is made explicit.

    Raises
    ------
    Rejected
        `NOT_ACCEPTABLE` if it holds a compressed value, which has no place in
        an uncompressed transfer syntax.
    """
    with without_warnings():
        return list(_joined(_Recoding(implicit_vr).data_set(ds, signed)))


def size_of(pieces: Iterable[Recoded]) -> int:
    """How many bytes they are."""
    return sum(len(piece) if isinstance(piece, bytes) else piece.size_bytes for piece in pieces)


def is_signed(ds: Dataset, *, otherwise: bool = False) -> bool:
    """Pixel Representation of a data set, or of what surrounds it."""
    value = raw_value(ds, PIXEL_REPRESENTATION)
    return any(value) if value else otherwise


def any_element_header(tag: int, vr: str, length: int, *, implicit_vr: bool) -> bytes:
    """What stands before a value in Little Endian, with its VR or without."""
    return implicit_element_header(tag, length) if implicit_vr else element_header(tag, vr, length)


class _Recoding:
    """Into one of the two encodings."""

    def __init__(self, implicit_vr: bool) -> None:
        self._implicit_vr = implicit_vr

    def data_set(self, ds: Dataset, signed: bool) -> Iterator[Recoded]:
        signed = is_signed(ds, otherwise=signed)
        for element in sorted(ds.values(), key=_tag):
            if not belongs(element):
                continue
            if isinstance(element, DataElement):
                yield from self._sequence(element, signed)
            else:
                yield from self._value(ds, element, signed)

    def _sequence(self, element: DataElement, signed: bool) -> Iterator[Recoded]:
        items: list[Recoded] = []
        for item in element.value:
            content = list(self.data_set(item, signed))
            items += [pack("<HHL", ITEM >> 16, ITEM & 0xFFFF, _checked(size_of(content))), *content]
        yield self._header(element.tag, VR.SQ.value, _checked(size_of(items)))
        yield from items

    def _value(self, ds: Dataset, element: RawDataElement, signed: bool) -> Iterator[Recoded]:
        if element.length == UNDEFINED_LENGTH:
            raise Rejected(
                RejectReason.NOT_ACCEPTABLE,
                "The instance holds a compressed value that cannot be decoded; "
                "the stored form is to be had with transfer-syntax=*.",
            )
        vr = str(element.VR or _vr_of_dictionary(ds, element, signed))
        vr = vr if vr in _KNOWN_VRS else VR.UN.value
        number_bytes = 1 if element.is_little_endian else _NUMBER_BYTES.get(vr, 1)
        value = element.value or b""
        size_bytes = element.length if is_missing(element) else len(value)
        length = _checked(size_bytes + size_bytes % 2)
        # To even length: a space after text, NUL after UIDs and binary values; PS3.5 Section 6.2.
        padding = (b" " if vr in STR_VR and vr != VR.UI else b"\0") * (size_bytes % 2)
        if vr not in EXPLICIT_VR_LENGTH_32 and length > _MAX_SHORT_LENGTH:
            vr = VR.UN.value  # PS3.5 Section 6.2.2
        yield self._header(element.tag, vr, length)
        if is_missing(element):
            yield LongValue(element.value_tell, size_bytes, number_bytes)
        else:
            yield value if number_bytes == 1 else swapped(value, number_bytes)
        yield padding

    def _header(self, tag: int, vr: str, length: int) -> bytes:
        return any_element_header(tag, vr, length, implicit_vr=self._implicit_vr)


def _tag(element: Element) -> int:
    return element.tag


def _vr_of_dictionary(ds: Dataset, element: RawDataElement, signed: bool) -> str:
    try:
        return value_vr(ds, element, signed)
    except CONVERSION_ERRORS:  # of the element that names a private creator
        return VR.UN.value


def _checked(length: int) -> int:
    if length > MAX_LENGTH:
        raise Rejected(
            RejectReason.NOT_ACCEPTABLE,
            "A value of the instance is longer than the 4 GiB that an element can have; "
            "the stored form is to be had with transfer-syntax=*.",
        )
    return length


def _joined(pieces: Iterable[Recoded]) -> Iterator[Recoded]:
    for are_bytes, several in groupby(pieces, lambda piece: isinstance(piece, bytes)):
        if are_bytes:
            yield b"".join(piece for piece in several if isinstance(piece, bytes))
        else:
            yield from several
