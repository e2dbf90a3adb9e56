"""An Identifier from values in UTF-8 and little endian, in any transfer syntax of a message; PS3.5 Section 7.1.

pydicom would make a data set of it first, which takes five times as long, for each of a thousand matches.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian
from pydicom.valuerep import CUSTOMIZABLE_CHARSET_VR, EXPLICIT_VR_LENGTH_32, STR_VR, VR

from imaging.dicom.data_element import ITEM
from imaging.dicom.native_frame import swapped
from imaging.dimse.response_text import encoded_text

_NUMBER_BYTES = (
    dict.fromkeys(("AT", "SS", "US"), 2) | dict.fromkeys(("FL", "SL", "UL"), 4) | dict.fromkeys(("FD", "SV", "UV"), 8)
)
_MAX_SHORT_LENGTH = 0xFFFE


@dataclass(frozen=True, slots=True)
class Element:
    """An element before it is encoded.

    Attributes
    ----------
    value
        In UTF-8 or little endian, without padding; of a sequence its items.
    """

    tag: int
    vr: str
    value: "bytes | tuple[tuple[Element, ...], ...]"


class IdentifierEncoding:
    """Encodes Identifiers in one transfer syntax."""

    def __init__(self, transfer_syntax_uid: str) -> None:
        self._is_deflated = transfer_syntax_uid == DeflatedExplicitVRLittleEndian
        self._is_big_endian = transfer_syntax_uid == ExplicitVRBigEndian
        self._is_implicit = transfer_syntax_uid == ImplicitVRLittleEndian
        order = ">" if self._is_big_endian else "<"
        self._implicit, self._long, self._short = (
            Struct(f"{order}HHL"),
            Struct(f"{order}HH2s2xL"),
            Struct(f"{order}HH2sH"),
        )

    def __call__(self, elements: Sequence[Element], character_sets: tuple[str, ...]) -> bytes:
        """Encode elements by rising tag, text in these character sets."""
        encoded = self._data_set(elements, character_sets)
        if not self._is_deflated:
            return encoded
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        deflated = deflater.compress(encoded) + deflater.flush()
        return deflated + b"\0" * (len(deflated) % 2)  # PS3.5 Section A.5

    def _data_set(self, elements: Sequence[Element], character_sets: tuple[str, ...]) -> bytes:
        return b"".join(self._element(element, character_sets) for element in elements)

    def _element(self, element: Element, character_sets: tuple[str, ...]) -> bytes:
        vr, value = element.vr, element.value
        if isinstance(value, tuple):
            items = (self._data_set(item, character_sets) for item in value)
            value = b"".join(self._implicit.pack(ITEM >> 16, ITEM & 0xFFFF, len(item)) + item for item in items)
        elif vr in CUSTOMIZABLE_CHARSET_VR and not value.isascii():
            value = encoded_text(value.decode(), vr, character_sets)
        elif self._is_big_endian and vr in _NUMBER_BYTES:
            value = swapped(value, _NUMBER_BYTES[vr])
        if len(value) % 2:
            value += b" " if vr in STR_VR and vr != VR.UI else b"\0"  # PS3.5 Section 6.2
        group, number = element.tag >> 16, element.tag & 0xFFFF
        if self._is_implicit:
            return self._implicit.pack(group, number, len(value)) + value
        if vr in EXPLICIT_VR_LENGTH_32:
            return self._long.pack(group, number, vr.encode(), len(value)) + value
        if len(value) > _MAX_SHORT_LENGTH:  # no attribute is meant to be so long
            value = b""
        return self._short.pack(group, number, vr.encode(), len(value)) + value
