"""Stored values made grey, in the order of PS3.4 Section N.2.1: Modality LUT, VOI LUT, Presentation LUT."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from imaging.pixels.lookup_table import sequence_table
from imaging.pixels.padding import is_padding
from imaging.pixels.windowing import Range, header_window, spread, windowed
from imaging.ports.pixels import Window

_MAX_TABLE_BYTES = 2  # values of so many bytes are rendered once each, and the picture looks them up


def grey_picture(
    values: NDArray[Any], header: Dataset, window: Window | None, *, is_inverted: bool, one_bit: bool
) -> NDArray[np.uint8]:
    """The picture of a MONOCHROME frame.

    Parameters
    ----------
    values
        Stored values.
    window
        In place of what the header says.
    is_inverted
        MONOCHROME1: the lowest value is white.
    one_bit
        Values are 0 and 1 and nothing between: they need no window.

    Returns
    -------
    numpy.ndarray
        Of the shape of `values`, 0 black to 255 white. Padding is black.
    """
    turned = is_inverted or str(header.get("PresentationLUTShape", "")).strip().upper() == "INVERSE"
    if values.dtype.kind not in "iu" or values.dtype.itemsize > _MAX_TABLE_BYTES:
        return _rendered(values, np.ones(values.shape, bool), header, window, turned, one_bit)
    lowest = int(values.min())
    places = values.astype(np.int32) - lowest if lowest < 0 else values - values.dtype.type(lowest)
    stored = np.arange(lowest, int(values.max()) + 1)
    occurs = np.zeros(stored.shape, bool)
    occurs[places] = True
    return _rendered(stored, occurs, header, window, turned, one_bit)[places]


def _rendered(
    stored: NDArray[Any], occurs: NDArray[np.bool_], header: Dataset, window: Window | None, turned: bool, one_bit: bool
) -> NDArray[np.uint8]:
    shown = ~is_padding(stored, header)
    values = _modality_values(stored, header)
    grey = _grey(values, values[occurs & shown], header, window, one_bit)
    levels = np.rint(np.clip(grey, 0, 1) * 255)
    if turned:
        levels = 255 - levels
    return np.where(shown, levels, 0).astype(np.uint8)


def _modality_values(stored: NDArray[Any], header: Dataset) -> NDArray[Any]:
    if header.get("ModalityLUTSequence"):
        return sequence_table(header.ModalityLUTSequence[0]).looked_up(stored)
    slope, intercept = header.get("RescaleSlope"), header.get("RescaleIntercept")
    if slope is None or intercept is None:
        return stored
    return stored * float(slope) + float(intercept)


def _grey(
    values: NDArray[Any], occurring: NDArray[Any], header: Dataset, window: Window | None, one_bit: bool
) -> NDArray[np.float64]:
    if window:
        return windowed(values, window)
    if header.get("VOILUTSequence"):
        table = sequence_table(header.VOILUTSequence[0])
        return table.looked_up(values) / float((1 << table.bits) - 1)
    if found := header_window(header):
        return windowed(values, found)
    if one_bit:
        return spread(values, Range(0, 1))
    if not occurring.size:  # all of it is padding
        return np.zeros(values.shape)
    return spread(values, Range(float(occurring.min()), float(occurring.max())))
