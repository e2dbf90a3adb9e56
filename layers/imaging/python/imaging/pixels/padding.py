"""Where a frame has no picture: Pixel Padding, PS3.3 Sections C.7.5.1.1.2 and C.7.6.25.1.1."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

_PREFIXES = {"f4": "Float", "f8": "DoubleFloat"}


def is_padding(stored: NDArray[Any], header: Dataset) -> NDArray[np.bool_]:
    """For each stored value, whether it stands for nothing; floating point numbers that are none do as well."""
    prefix = _PREFIXES.get(stored.dtype.str[1:], "")
    nothing = ~np.isfinite(stored) if prefix else np.zeros(stored.shape, bool)
    value = header.get(f"{prefix}PixelPaddingValue")
    if value is None:
        return nothing
    limit = header.get(f"{prefix}PixelPaddingRangeLimit")
    first, last = sorted((_of_kind(value, stored), _of_kind(value if limit is None else limit, stored)))
    return nothing | ((stored >= first) & (stored <= last))


def _of_kind(value: float, stored: NDArray[Any]) -> float:
    """A value written as unsigned although the pixels are signed, taken for what was meant, and the reverse."""
    number = float(value)
    if stored.dtype.kind == "f":
        return number
    if number >= 1 << 15 and stored.size and stored.min() < 0:
        return number - (1 << 16)
    if number < 0 and stored.size and stored.max() >= 1 << 15:
        return number + (1 << 16)
    return number
