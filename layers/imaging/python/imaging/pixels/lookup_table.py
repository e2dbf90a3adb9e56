"""Look-up tables: Modality LUT, VOI LUT, palettes; PS3.3 Sections C.11.1, C.11.2 and C.7.6.3.1.5."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

_MAX_ENTRIES = 1 << 16


@dataclass(frozen=True)
class LookUpTable:
    """Entries for the values from `first` on; what is below or above has the first or last one.

    Attributes
    ----------
    entries
        Unsigned numbers of `bits` bits.
    """

    first: int
    bits: int
    entries: NDArray[np.uint16]

    def looked_up(self, values: NDArray[Any]) -> NDArray[np.uint16]:
        """The entry of each value, a fraction rounded."""
        whole = values if values.dtype.kind in "iu" else np.rint(values)
        places = np.clip(whole - np.float64(self.first), 0, len(self.entries) - 1)
        return self.entries[places.astype(np.int64)]


def sequence_table(item: Dataset) -> LookUpTable:
    """The table of an item of the Modality LUT or VOI LUT Sequence."""
    return _table(item.LUTDescriptor, item["LUTData"].value)


def palette_channel(header: Dataset, colour: str) -> LookUpTable:
    """One colour of the Palette Color Lookup Table, whole or in segments.

    Parameters
    ----------
    colour
        ``Red``, ``Green`` or ``Blue``.
    """
    descriptor = header[f"{colour}PaletteColorLookupTableDescriptor"].value
    segmented = f"Segmented{colour}PaletteColorLookupTableData"
    if segmented not in header:
        return _table(descriptor, header[f"{colour}PaletteColorLookupTableData"].value)
    number_of_entries, first, bits = _described(descriptor)
    words = np.frombuffer(header[segmented].value, "<u2" if bits > 8 else "u1").astype(np.int64)
    return LookUpTable(first, bits, _expanded(words, bits)[:number_of_entries].astype(np.uint16))


def _described(descriptor: Iterable[int]) -> tuple[int, int, int]:
    number_of_entries, first, bits = (int(value) for value in descriptor)
    return (number_of_entries & 0xFFFF) or _MAX_ENTRIES, first, bits


def _table(descriptor: Iterable[int], content: bytes | int | Sequence[int]) -> LookUpTable:
    number_of_entries, first, bits = _described(descriptor)
    entries = _entries(content, number_of_entries, bits)
    # A descriptor that promises fewer bits than its entries have is common, and the entries are right.
    return LookUpTable(first, max(bits, int(entries.max()).bit_length()), entries)


def _entries(content: bytes | int | Sequence[int], number_of_entries: int, bits: int) -> NDArray[np.uint16]:
    if not isinstance(content, bytes):  # VR US
        entries = np.atleast_1d(np.asarray(content, dtype=np.int64) & 0xFFFF).astype(np.uint16)
    else:
        in_bytes = bits <= 8 and len(content) < 2 * number_of_entries
        entries = np.frombuffer(content[: len(content) // 2 * 2], "u1" if in_bytes else "<u2").astype(np.uint16)
    if not len(entries):
        raise ValueError("a look-up table without entries")
    return entries[:number_of_entries]


def _expanded(words: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """What the segments of a palette stand for; PS3.3 Section C.7.9.2."""
    made: list[int] = []
    _expand(words, 0, len(words), bits, made, is_copy=False)
    return np.asarray(made, np.int64)


def _expand(words: NDArray[np.int64], place: int, segments: int, bits: int, made: list[int], *, is_copy: bool) -> None:
    while place + 1 < len(words) and segments and len(made) < _MAX_ENTRIES:
        kind, length = int(words[place]), int(words[place + 1])
        place += 2
        segments -= 1
        if kind == 0:  # discrete
            made.extend(int(word) for word in words[place : place + length])
            place += length
        elif kind == 1:  # linear, from the last entry to the one given
            made.extend(np.rint(np.linspace(made[-1], int(words[place]), length + 1)[1:]).astype(int).tolist())
            place += 1
        elif kind == 2 and not is_copy:  # indirect: so many segments from that offset on
            parts = 2 if bits > 8 else 4
            offset = sum(int(word) << (place_ * bits) for place_, word in enumerate(words[place : place + parts]))
            _expand(words, offset, length, bits, made, is_copy=True)
            place += parts
        else:
            raise ValueError("a palette of segments that the standard does not know")
