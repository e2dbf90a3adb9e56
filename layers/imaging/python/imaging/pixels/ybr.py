"""YBR_FULL made RGB; PS3.3 Section C.7.6.3.1.2."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels.processing import convert_color_space

YBR = ("YBR_FULL", "YBR_FULL_422")

_ROWS_AT_ONCE = 256  # the conversion takes many times the memory of what it converts


def rgb_of_ybr(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Convert an image.

    Parameters
    ----------
    values
        Rows by columns by 3, of 8 bits, no sample left out.

    Raises
    ------
    ValueError
        They have more bits.
    """
    made = np.empty(values.shape, np.uint8)
    for first in range(0, len(values), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        made[rows] = convert_color_space(values[rows], "YBR_FULL", "RGB")
    return made
