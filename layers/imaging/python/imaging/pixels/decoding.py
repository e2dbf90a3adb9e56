"""Compressed frames made uncompressed; PS3.5 Sections 8.2 and A.4."""

from dataclasses import replace

from pydicom.pixels.utils import pack_bits
from pydicom.uid import ExplicitVRLittleEndian

from imaging.pixels.stored_values import stored_values
from imaging.pixels.ybr import YBR, rgb_of_ybr
from imaging.ports.pixels import Frame


def decoded(frame: Frame) -> Frame:
    """A compressed frame as it stands in Explicit VR Little Endian, the way `pydicom.Dataset.decompress` makes it.

    Raises
    ------
    Exception
        Whatever the decoder raises for bytes that it cannot read.
    """
    values, photometric_interpretation = stored_values(frame)
    if photometric_interpretation in YBR:
        values, photometric_interpretation = rgb_of_ybr(values), "RGB"
    if frame.description.bits_allocated == 1:
        content = pack_bits(values, pad=False)
    else:
        content = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    description = replace(
        frame.description,
        transfer_syntax_uid=str(ExplicitVRLittleEndian),
        photometric_interpretation=photometric_interpretation,
        planar_configuration=0,
    )
    return Frame(content, description)
