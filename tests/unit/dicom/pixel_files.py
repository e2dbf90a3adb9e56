"""Makes instances with pixels: native, or encapsulated with every kind of offset table."""

import hashlib
from collections.abc import Sequence
from struct import pack

from pydicom.encaps import encapsulate, encapsulate_extended

from tests.unit.dicom.files import EXPLICIT_VR_LITTLE_ENDIAN, JPEG_BASELINE, UNDEFINED, element, identifiers, part10

JPEG_2000 = "1.2.840.10008.1.2.4.90"
RLE = "1.2.840.10008.1.2.5"
DELIMITER = pack("<HHL", 0xFFFE, 0xE0DD, 0)


def us(tag: int, value: int) -> bytes:
    return element(tag, "US", pack("<H", value))


def image_attributes(
    rows: int = 4,
    columns: int = 4,
    *,
    frames: int | None = None,
    bits: int = 8,
    samples: int = 1,
    photometric: str = "MONOCHROME2",
) -> bytes:
    """Group 0028."""
    return b"".join(
        (
            us(0x00280002, samples),
            element(0x00280004, "CS", photometric),
            element(0x00280008, "IS", str(frames)) if frames is not None else b"",
            us(0x00280010, rows),
            us(0x00280011, columns),
            us(0x00280100, bits),
            us(0x00280101, bits),
            us(0x00280103, 0),
        )
    )


def image_file(
    attributes: bytes,
    pixels: bytes,
    transfer_syntax_uid: str = EXPLICIT_VR_LITTLE_ENDIAN,
    *,
    before: bytes = b"",
    trailing: bytes = b"",
) -> bytes:
    """A file; `pixels` is the whole element."""
    first, then = identifiers()
    return part10(first + before + then + attributes + pixels + trailing, transfer_syntax_uid)


def native_element(value: bytes, vr: str = "OW") -> bytes:
    return element(0x7FE00010, vr, value)


def encapsulated_element(items: bytes, extended: tuple[bytes, bytes] | None = None) -> bytes:
    tables = b"".join(element(0x7FE00001 + place, "OV", table) for place, table in enumerate(extended or ()))
    return tables + element(0x7FE00010, "OB", items + DELIMITER, length=UNDEFINED)


def frame(number: int, size_bytes: int = 1000) -> bytes:
    """Something that begins and ends as a JPEG does, different for each number; of even length."""
    seed = hashlib.sha256(str(number).encode()).digest()
    filling = (seed * (size_bytes // len(seed) + 1))[: size_bytes - 4].replace(b"\xff", b"\xfe")
    return b"\xff\xd8" + filling + b"\xff\xd9"


def encapsulated_file(
    frames: Sequence[bytes],
    *,
    fragments_per_frame: int = 1,
    basic_offset_table: bool = True,
    extended_offset_table: bool = False,
    transfer_syntax_uid: str = JPEG_BASELINE,
    trailing: bytes = b"",
    before: bytes = b"",
) -> bytes:
    """Frames encapsulated by pydicom."""
    if extended_offset_table:
        items, offsets, lengths = encapsulate_extended(list(frames))
        pixels = encapsulated_element(items, (offsets, lengths))
    else:
        items = encapsulate(list(frames), fragments_per_frame=fragments_per_frame, has_bot=basic_offset_table)
        pixels = encapsulated_element(items)
    attributes = image_attributes(frames=len(frames))
    return image_file(attributes, pixels, transfer_syntax_uid, trailing=trailing, before=before)
