"""The header of a data element, and what it says of reading its value; PS3.5 Section 7.1."""

from enum import Enum, auto
from struct import pack
from typing import NamedTuple

from pydicom import Dataset
from pydicom.charset import convert_encodings, default_encoding
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, VR

from imaging.dicom.quiet import without_warnings

MAX_READ_VALUE_BYTES = 64 * 1024

UNDEFINED_LENGTH = 0xFFFFFFFF
ITEM = 0xFFFEE000
ITEM_DELIMITATION = 0xFFFEE00D
SEQUENCE_DELIMITATION = 0xFFFEE0DD
SPECIFIC_CHARACTER_SET = 0x00080005

DELIMITERS = {ITEM, ITEM_DELIMITATION, SEQUENCE_DELIMITATION}

_BULK_VRS = {"OB", "OD", "OF", "OL", "OV", "OW", "UN", "OB or OW", "US or OW"}
_KNOWN_VRS = {vr.value.encode() for vr in VR}

Element = RawDataElement | DataElement


class Reading(Enum):
    """How the value of an element is read, where pydicom shall not read it by itself."""

    SEQUENCE = auto()
    FRAGMENTS = auto()
    PASS_OVER = auto()
    CHARACTER_SETS = auto()


class ElementHeader(NamedTuple):
    """Tag, VR (None where the encoding is implicit), length, and where the value begins."""

    tag: BaseTag
    vr: str | None
    length: int
    value_offset: int

    @property
    def start(self) -> int:
        """The offset of the tag."""
        return self.value_offset - (12 if self.vr in EXPLICIT_VR_LENGTH_32 else 8)  # PS3.5 Section 7.1.2

    @property
    def has_undefined_length(self) -> bool:
        """Whether only a delimiter tells the end."""
        return self.length == UNDEFINED_LENGTH

    @property
    def end(self) -> int:
        """The first offset after the value, where the length is defined."""
        return self.value_offset + self.length

    def reading(self) -> Reading | None:
        """What has to be done about the value; None if pydicom may simply read it."""
        if self.has_undefined_length:
            # Implicit, or of an unknown VR, it is a sequence: PS3.5 Sections 7.5.1 and 6.2.2.
            return Reading.SEQUENCE if self.vr in {None, VR.UN, VR.SQ} else Reading.FRAGMENTS
        vr = self.vr or _dictionary_vr(self.tag)
        if vr == VR.SQ:
            return Reading.SEQUENCE
        if self.tag in DELIMITERS or (self.length > MAX_READ_VALUE_BYTES and vr in _BULK_VRS):
            return Reading.PASS_OVER
        return Reading.CHARACTER_SETS if self.tag == SPECIFIC_CHARACTER_SET else None


def element_header(tag: int, vr: str, length: int) -> bytes:
    """What stands before a value in Explicit VR Little Endian; PS3.5 Section 7.1.2."""
    start = pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode("ascii"))
    return start + (pack("<2xL", length) if vr in EXPLICIT_VR_LENGTH_32 else pack("<H", length))


def implicit_element_header(tag: int, length: int) -> bytes:
    """What stands before a value in Implicit VR Little Endian; PS3.5 Section 7.1.3."""
    return pack("<HHL", tag >> 16, tag & 0xFFFF, length)


def raw_value(ds: Dataset, tag: int) -> bytes:
    """The value as it is encoded, empty if there is none; pydicom's own access would convert it."""
    element = dict(ds.items()).get(BaseTag(tag))
    return element.value if element is not None and isinstance(element.value, bytes) else b""


def shows_implicit_vr(first_bytes: bytes, *, declared: bool) -> bool:
    """What the first six bytes of a data set show, whatever was declared.

    An explicit VR is two upper-case letters, PS3.5 Section 7.1.2.
    """
    vr = first_bytes[4:6]
    if declared:
        return vr not in _KNOWN_VRS
    return len(vr) == 2 and not (vr.isalpha() and vr.isupper())


def character_sets(value: bytes) -> list[str]:
    """Python's names of the character sets in Specific Character Set (0008,0005)."""
    names = value.decode("ascii", "replace").split("\\")
    with without_warnings():
        try:
            return convert_encodings([name.strip(" \0") for name in names])
        except ValueError:  # a NUL inside
            return [default_encoding]


def _dictionary_vr(tag: BaseTag) -> str:
    try:
        return dictionary_VR(tag)
    except KeyError:
        return VR.UN
