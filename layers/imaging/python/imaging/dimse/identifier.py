"""The Identifier of a C-FIND, C-MOVE or C-GET request; PS3.4 Sections C.4.1.1.3.1, C.4.2.1.4.1 and C.4.3.1.3.1."""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import iter_unpack

from pydicom import Dataset
from pydicom.charset import decode_bytes
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pydicom.valuerep import BYTES_VR, CUSTOMIZABLE_CHARSET_VR, PN_DELIMS, VR
from pydicom.values import convert_value

from imaging.dicom.byte_source import BytesSource, RangeReader
from imaging.dicom.data_element import SPECIFIC_CHARACTER_SET, Element, raw_value
from imaging.dicom.header import open_data_set
from imaging.dicom.json_model import belongs, character_sets, value_vr
from imaging.dicom.json_value import CONVERSION_ERRORS
from imaging.dicom.quiet import without_warnings
from imaging.dimse.inflated import inflated
from imaging.errors import Rejected, RejectReason
from imaging.reading.query_keys import creator_tag, is_private

QUERY_RETRIEVE_LEVEL = "00080052"

_MAX_BYTES = 1024 * 1024  # a list of thousands of UIDs, or what a deflated one may become
_BYTES = {*BYTES_VR, VR.SQ} - {VR.UN}
_TEXT = {*CUSTOMIZABLE_CHARSET_VR, VR.UN}  # what is private is UN where the encoding is implicit
_PACKED = {VR.FD, VR.FL, VR.SL, VR.SS, VR.SV, VR.UL, VR.US, VR.UV}
_DELIMITERS = {ord("\\"), *PN_DELIMS}


@dataclass(frozen=True)
class Key:
    """An attribute of an Identifier.

    Attributes
    ----------
    tag
        Eight hexadecimal digits, in capitals.
    value
        As text, several values with backslashes between; "" of a sequence and of bytes.
    items
        Of a sequence.
    private_creator
        Of a private attribute, as the Identifier says it; "" if it does not.
    """

    tag: str
    vr: str
    value: str = ""
    items: tuple[tuple["Key", ...], ...] = ()
    private_creator: str = ""


@dataclass(frozen=True)
class Identifier:
    """What a request asks for.

    Attributes
    ----------
    keys
        By rising tag, Specific Character Set and private creators among them.
    character_sets
        As Specific Character Set (0008,0005) has them; none: ASCII.
    """

    keys: tuple[Key, ...]
    character_sets: tuple[str, ...] = ()

    def value(self, tag: str) -> str:
        """The value of an attribute; "" where it is empty or absent."""
        return next((key.value for key in self.keys if key.tag == tag), "")


class WrongKey(Rejected):
    """A request cannot be answered for one attribute of its Identifier.

    Parameters
    ----------
    tag
        What Offending Element (0000,0901) shall name.
    """

    def __init__(self, tag: str, message: str) -> None:
        super().__init__(RejectReason.MALFORMED_REQUEST, message)
        self.tag = int(tag, 16)


def read_identifier(encoded: bytes, transfer_syntax_uid: str) -> Identifier:
    """Read an Identifier in the transfer syntax of its presentation context.

    Values are read as they are, wild cards and ranges in any VR.

    Raises
    ------
    Rejected
        `NOT_DICOM` or `TRUNCATED` if it cannot be read, `TOO_LARGE`.
    """
    if transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
        encoded, transfer_syntax_uid = inflated(encoded, _MAX_BYTES), ExplicitVRLittleEndian
    if len(encoded) > _MAX_BYTES:
        raise Rejected(RejectReason.TOO_LARGE, f"An Identifier has at most {_MAX_BYTES} bytes.")
    source = BytesSource(encoded)
    elements = open_data_set(source, RangeReader(source), transfer_syntax_uid, keep_sequences=True)
    implicit_vr = elements.finds_implicit_vr(declared=transfer_syntax_uid == ImplicitVRLittleEndian)
    ds = elements.read(implicit_vr=implicit_vr, stop_at=lambda _: False)
    if elements.unreadable:
        raise Rejected(RejectReason.NOT_DICOM, "A sequence of the Identifier cannot be read.")
    names = raw_value(ds, SPECIFIC_CHARACTER_SET).decode("ascii", "replace").strip(" \0")
    with without_warnings():
        keys = tuple(_keys(ds))
    return Identifier(keys, tuple(name.strip() for name in names.split("\\")) if names else ())


def _keys(ds: Dataset) -> Iterator[Key]:
    creators: dict[str, str] = {}
    for element in sorted(ds.values(), key=_tag):
        if not belongs(element):
            continue
        tag = f"{element.tag:08X}"
        if isinstance(element, DataElement):
            yield Key(tag, VR.SQ.value, items=tuple(tuple(_keys(item)) for item in element.value))
            continue
        try:
            vr = value_vr(ds, element, signed=False)
            value = _value(element, vr, character_sets(ds))
        except CONVERSION_ERRORS as failure:
            raise Rejected(
                RejectReason.NOT_DICOM, f"({tag[:4]},{tag[4:]}) of the Identifier cannot be read."
            ) from failure
        if is_private(tag):
            creators[tag] = value
        yield Key(tag, vr, value, private_creator=creators.get(creator_tag(tag), "") if is_private(tag) else "")


def _tag(element: Element) -> int:
    return element.tag


def _value(element: RawDataElement, vr: str, encodings: list[str]) -> str:
    value = element.value or b""
    if vr in _BYTES:
        return ""
    if vr in _TEXT:
        # as a whole, before anything is split: in some character sets a delimiter can be half of a character
        return decode_bytes(value, encodings, _DELIMITERS).strip(" \0")
    if vr == VR.AT:
        numbers = iter_unpack("<HH" if element.is_little_endian else ">HH", value)
        return "\\".join(f"{group:04X}{number:04X}" for group, number in numbers)
    if vr in _PACKED:
        found = convert_value(vr, element._replace(VR=vr)) if value else ()
        return "\\".join(map(str, found if hasattr(found, "__iter__") else (found,)))
    return "\\".join(text.strip(" \0") for text in value.decode("latin-1").split("\\"))
