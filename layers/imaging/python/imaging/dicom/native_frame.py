"""Makes a native frame of the bytes that it is in; PS3.5 Sections 8.1.1 and 8.2."""

from dataclasses import replace

from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

from imaging.dicom.pixel_description import PixelDescription
from imaging.dicom.pixel_layout import PixelLayout


def native_frame(layout: PixelLayout, number: int, content: bytes) -> bytes:
    """The frame alone, beginning with a byte of its own.

    Frames of one bit a pixel follow each other without a gap: one may begin
    and end inside a byte. Samples of one byte come in their order also where
    a big-endian file has them as words.

    Parameters
    ----------
    number
        Of the frame, counted from 1.
    content
        The bytes of `PixelLayout.frame_range`.
    """
    if layout.has_swapped_bytes:
        content = swapped(content, 2)
    first_bit = (number - 1) * layout.frame_bits
    skipped = first_bit - 8 * (layout.frame_range(number)[0] - layout.first_byte)
    size_bytes = -(-layout.frame_bits // 8)
    if not skipped % 8 and not layout.frame_bits % 8:
        return content[skipped // 8 : skipped // 8 + size_bytes]
    bits = int.from_bytes(content, "little") >> skipped & ((1 << layout.frame_bits) - 1)
    return bits.to_bytes(size_bytes, "little")


def little_endian(content: bytes, description: PixelDescription) -> tuple[bytes, PixelDescription]:
    """A native frame as it stands in Explicit VR Little Endian; PS3.5 Section 7.3.

    Values of up to 8 bits are in their order already, see `native_frame`.
    """
    value_bytes = description.bits_allocated // 8
    if description.transfer_syntax_uid == ExplicitVRBigEndian and value_bytes > 1:
        content = swapped(content, value_bytes)
    return content, replace(description, transfer_syntax_uid=str(ExplicitVRLittleEndian))


def swapped(content: bytes, size_bytes: int) -> bytes:
    """The bytes of each value, `size_bytes` long, in the other order; what is left over at the end stays."""
    whole = len(content) // size_bytes * size_bytes
    result = bytearray(content)
    for place in range(size_bytes):
        result[place:whole:size_bytes] = content[size_bytes - 1 - place : whole : size_bytes]
    return bytes(result)
