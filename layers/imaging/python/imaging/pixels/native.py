"""Frames that are not compressed: only their byte order has to change; PS3.5 Section 7.3."""

from dataclasses import replace

from pydicom.uid import UID, ExplicitVRLittleEndian

from imaging.dicom.native_frame import swapped
from imaging.dicom.transfer_syntaxes import NATIVE
from imaging.errors import Rejected, RejectReason
from imaging.ports.pixels import Frame


def is_native(frame: Frame) -> bool:
    """Whether it is uncompressed, in a transfer syntax of the standard."""
    return frame.description.transfer_syntax_uid in NATIVE


def little_endian(frame: Frame) -> Frame:
    """An uncompressed frame as it stands in Explicit VR Little Endian.

    Values of up to 8 bits are taken as they are: where they stand in words
    (VR OW, big endian), the frame's content is their bytes in order already.
    """
    description = replace(frame.description, transfer_syntax_uid=str(ExplicitVRLittleEndian))
    value_bytes = frame.description.bits_allocated // 8
    if UID(frame.description.transfer_syntax_uid).is_little_endian or value_bytes <= 1:
        return Frame(frame.content, description)
    if len(frame.content) % value_bytes:
        raise Rejected(RejectReason.NOT_ACCEPTABLE, "The pixels end inside a value; take the stored form.")
    return Frame(swapped(frame.content, value_bytes), description)
