"""Uncompressed frames compressed without loss, within the limits of PS3.5 Sections 8.2.2 and 8.2.4."""

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import UID, JPEG2000Lossless, RLELossless

from imaging.dicom.pixel_description import PIXEL_DATA
from imaging.dicom.transfer_syntaxes import ENCODABLE
from imaging.pixels.pixel_options import pixel_options
from imaging.pixels.stored_values import stored_values
from imaging.ports.pixels import Frame


class NotEncodable(Exception):
    """The transfer syntax has no room for pixels of this kind."""


def encoded(frame: Frame, transfer_syntax_uid: str) -> Frame:
    """Compress an uncompressed frame of integers.

    Raises
    ------
    NotEncodable
        The transfer syntax is another than RLE Lossless and JPEG 2000 Lossless,
        or forbids what the description says, or would lose bits, or the encoder
        cannot make it (JPEG 2000 of fewer than 32 rows or columns).
    Exception
        Whatever reading the values raises.
    """
    syntax = UID(transfer_syntax_uid)
    description = frame.description
    if transfer_syntax_uid not in ENCODABLE or description.tag != PIXEL_DATA or description.bits_allocated < 8:
        raise NotEncodable
    # All bits of RLE, for what stands beside the stored ones is kept (overlays, PS3.5 Section 8.1.1).
    bits_stored = description.bits_allocated if syntax == RLELossless else description.bits_stored
    values, photometric_interpretation = stored_values(_with_bits(frame, description.bits_allocated))
    made = replace(
        description,
        transfer_syntax_uid=transfer_syntax_uid,
        photometric_interpretation=photometric_interpretation,
        planar_configuration=1 if syntax == RLELossless and description.samples_per_pixel > 1 else 0,
    )
    options = pixel_options(replace(made, bits_stored=bits_stored, planar_configuration=0))
    if syntax == JPEG2000Lossless:
        if not _has_bits_stored(values, bits_stored, signed=bool(description.pixel_representation)):
            raise NotEncodable
        # The encoder's MCT would make YBR_RCT of it; RGB stays RGB.
        options["use_mct"] = False
    try:
        return Frame(bytes(get_encoder(syntax).encode(values, **options)), made)
    except (ValueError, RuntimeError) as refused:  # beyond the limits of PS3.5, or of the encoder
        raise NotEncodable from refused


def _with_bits(frame: Frame, bits_stored: int) -> Frame:
    return Frame(frame.content, replace(frame.description, bits_stored=bits_stored))


def _has_bits_stored(values: NDArray[Any], bits_stored: int, *, signed: bool) -> bool:
    span = 1 << bits_stored
    lowest = -(span >> 1) if signed else 0
    return bool(values.min() >= lowest and values.max() < lowest + span)
