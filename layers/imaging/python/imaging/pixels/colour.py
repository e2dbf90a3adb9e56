"""Stored values made red, green and blue; PS3.3 Section C.7.6.3.1.2."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from imaging.pixels.lookup_table import LookUpTable, palette_channel
from imaging.pixels.ybr import YBR, rgb_of_ybr

_COLOURS = ("Red", "Green", "Blue")


class NoSuchColour(Exception):
    """A photometric interpretation that nothing here makes RGB of: HSV, CMYK, video."""


def colour_picture(values: NDArray[Any], photometric_interpretation: str, bits_stored: int) -> NDArray[np.uint8]:
    """The picture of a frame of three samples a pixel.

    Returns
    -------
    numpy.ndarray
        Rows by columns by 3, 8 bits each.

    Raises
    ------
    NoSuchColour
    """
    levels = _in_eight_bits(values, bits_stored)
    if photometric_interpretation in YBR:
        return rgb_of_ybr(levels)
    if photometric_interpretation != "RGB":
        raise NoSuchColour
    return levels


def palette_picture(values: NDArray[Any], header: Dataset) -> NDArray[np.uint8]:
    """The picture of a PALETTE COLOR frame."""
    channels = [palette_channel(header, colour) for colour in _COLOURS]
    lowest = int(values.min())
    stored = np.arange(lowest, int(values.max()) + 1)
    colours = np.stack([_levels_of(channel, stored, bits=_bits(channels)) for channel in channels], axis=-1)
    return colours[values.astype(np.int64) - lowest]


def _bits(channels: list[LookUpTable]) -> int:
    """8 for 16-bit entries that never use their upper half: written so against the standard, and not meant black."""
    return 8 if all(channel.entries.max() <= 0xFF for channel in channels) else channels[0].bits


def _levels_of(channel: LookUpTable, stored: NDArray[Any], *, bits: int) -> NDArray[np.uint8]:
    return _in_eight_bits(channel.looked_up(stored), bits)


def _in_eight_bits(values: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    if bits > 8:
        return (values >> (bits - 8)).astype(np.uint8)
    if bits == 8:
        return values.astype(np.uint8)
    return np.rint(values * (255 / ((1 << bits) - 1))).astype(np.uint8)
