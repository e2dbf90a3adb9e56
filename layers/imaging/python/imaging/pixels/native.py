"""Frames that are not compressed: only their byte order has to change; PS3.5 Section 7.3."""

from imaging.dicom.native_frame import little_endian
from imaging.dicom.transfer_syntaxes import NATIVE
from imaging.errors import Rejected, RejectReason
from imaging.ports.pixels import Frame


def is_native(frame: Frame) -> bool:
    """Whether it is uncompressed, in a transfer syntax of the standard."""
    return frame.description.transfer_syntax_uid in NATIVE


def in_little_endian(frame: Frame) -> Frame:
    """An uncompressed frame as it stands in Explicit VR Little Endian.

    Raises
    ------
    Rejected
        `NOT_ACCEPTABLE` if it ends inside a value.
    """
    if len(frame.content) % max(frame.description.bits_allocated // 8, 1):
        raise Rejected(RejectReason.NOT_ACCEPTABLE, "The pixels end inside a value; take the stored form.")
    return Frame(*little_endian(frame.content, frame.description))
