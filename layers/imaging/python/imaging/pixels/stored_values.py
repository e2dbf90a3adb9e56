"""The stored values of a frame, whatever it is encoded in."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from imaging.pixels.pixel_options import pixel_options
from imaging.ports.pixels import Frame


def stored_values(frame: Frame) -> tuple[NDArray[Any], str]:
    """Decode a frame.

    Returns
    -------
    numpy.ndarray
        Rows by columns, and by samples if there are several, in this machine's byte
        order; values of one bit unpacked.
    str
        Their photometric interpretation.

    Raises
    ------
    Exception
        Whatever the decoder raises for bytes that it cannot read.
    """
    syntax = UID(frame.description.transfer_syntax_uid)
    source = encapsulate([frame.content]) if syntax.is_encapsulated else frame.content
    array, properties = get_decoder(syntax).as_array(source, index=0, raw=True, **pixel_options(frame.description))
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    return np.ascontiguousarray(native), str(properties["photometric_interpretation"])
