"""Windows: which values become grey, and which black and white; PS3.3 Section C.11.2.1.2 and C.11.2.1.3."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from imaging.ports.pixels import Window


@dataclass(frozen=True)
class Range:
    """The values that become black and white."""

    lowest: float
    highest: float


def header_window(header: Dataset) -> Window | None:
    """The first window of the header, if there is one that can be applied."""
    center, width = (_first(header.get(keyword)) for keyword in ("WindowCenter", "WindowWidth"))
    if center is None or width is None:
        return None
    function = str(header.get("VOILUTFunction") or "LINEAR").strip().upper()
    window = Window(float(center), float(width), function if function in _FUNCTIONS else "LINEAR")
    return window if window.width >= 1 or (window.width > 0 and window.function != "LINEAR") else None


def windowed(values: NDArray[Any], window: Window) -> NDArray[np.float64]:
    """Grey from 0, black, to 1, white."""
    return _FUNCTIONS[window.function](values.astype(np.float64), window.center, window.width)


def spread(values: NDArray[Any], over: Range) -> NDArray[np.float64]:
    """Grey from 0 at the lowest value to 1 at the highest; all black if they are the same."""
    extent = over.highest - over.lowest
    if not extent:
        return np.zeros(values.shape)
    with np.errstate(invalid="ignore"):
        return np.clip((values.astype(np.float64) - over.lowest) / extent, 0, 1)


def _linear(values: NDArray[np.float64], center: float, width: float) -> NDArray[np.float64]:
    if width == 1:
        return (values > center - 0.5).astype(np.float64)
    return np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1)


def _linear_exact(values: NDArray[np.float64], center: float, width: float) -> NDArray[np.float64]:
    return np.clip((values - center) / width + 0.5, 0, 1)


def _sigmoid(values: NDArray[np.float64], center: float, width: float) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(np.clip(-4 * (values - center) / width, -700, 700)))


_FUNCTIONS = {"LINEAR": _linear, "LINEAR_EXACT": _linear_exact, "SIGMOID": _sigmoid}


def _first(value: float | Sequence[float] | None) -> float | None:
    return (value[0] if value else None) if isinstance(value, Sequence) else value
