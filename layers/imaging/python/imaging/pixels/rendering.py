"""A frame made a picture."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset

from imaging.pixels.colour import colour_picture, palette_picture
from imaging.pixels.grey import grey_picture
from imaging.pixels.picture_file import picture_file
from imaging.pixels.stored_values import stored_values
from imaging.pixels.viewport import framed, pixel_height
from imaging.ports.pixels import Frame, Rendering, Window


def rendered(header: Dataset, frame: Frame, rendering: Rendering) -> bytes:
    """The picture of one frame as a file.

    Parameters
    ----------
    header
        Of this frame: `imaging.dicom.rendering_header.frame_header`.

    Raises
    ------
    imaging.pixels.colour.NoSuchColour
    Exception
        Whatever the decoder raises for bytes that it cannot read.
    """
    picture = Image.fromarray(picture_values(header, frame, rendering.window))
    return picture_file(
        framed(picture, rendering.viewport, pixel_height(header)), rendering.media_type, rendering.quality
    )


def picture_values(header: Dataset, frame: Frame, window: Window | None) -> NDArray[np.uint8]:
    """Rows by columns of grey, or by 3 of colour, 8 bits each; PS3.4 Section N.2."""
    description = frame.description
    values, photometric_interpretation = stored_values(frame)
    if description.samples_per_pixel > 1:
        return colour_picture(values, photometric_interpretation, description.bits_stored)
    if photometric_interpretation == "PALETTE COLOR":
        return palette_picture(values, header)
    return grey_picture(
        values,
        header,
        window,
        is_inverted=photometric_interpretation == "MONOCHROME1",
        one_bit=description.bits_stored == 1,
    )
