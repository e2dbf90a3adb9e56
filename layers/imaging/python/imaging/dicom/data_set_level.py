"""How far a data set or an item goes, and where pydicom's reader is stopped in it; PS3.5 Section 7.5."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pydicom.tag import BaseTag

from imaging.dicom.byte_source import RangeReader, truncated
from imaging.dicom.data_element import ITEM, SEQUENCE_DELIMITATION, ElementHeader, Reading

_ENDS_OF_ITEM = {ITEM, SEQUENCE_DELIMITATION}  # where its own delimiter, which is pydicom's to see, is missing

StopAt = Callable[[int], bool]


class BrokenDataSetError(Exception):
    """The bytes are no data set: the sequence they stand in, or the whole, cannot be read."""


@dataclass
class Level:
    """A data set, or an item of a sequence, while it is read.

    Attributes
    ----------
    end
        The first offset after it; of an item of undefined length, after what
        encloses it.
    depth
        In how many sequences it stands.
    stop_at
        Picks the tag of the element before which the reading stops.
    """

    end: int
    implicit_vr: bool
    depth: int
    character_sets: list[str]
    stop_at: StopAt = field(default=lambda tag: False)


def end_within(reader: RangeReader, outer_end: int, end: int) -> int:
    """`end`, if what encloses it does not end before.

    Raises
    ------
    Rejected
        `TRUNCATED` if it is the object that ends before.
    BrokenDataSetError
        If it is a sequence.
    """
    if end <= outer_end:
        return end
    if outer_end == reader.end:
        raise truncated()
    raise BrokenDataSetError("a value runs beyond the sequence that holds it")


class Pause:
    """Called by pydicom before it reads a value; stops it where the value is not for it to read.

    Attributes
    ----------
    at
        The element it was stopped at.
    reading
        What to do about its value; None: nothing, the data set ends before it.
    """

    def __init__(self, reader: RangeReader, level: Level) -> None:
        self.at: ElementHeader | None = None
        self.reading: Reading | None = None
        self._reader = reader
        self._level = level

    def __call__(self, tag: BaseTag, vr: str | None, length: int) -> bool:
        """Whether to stop."""
        element = ElementHeader(tag, vr, length, self._reader.tell())
        if self._is_beyond(element):
            self.at = element
            return True
        if not element.has_undefined_length:
            end_within(self._reader, self._level.end, element.end)
        self.reading = element.reading()
        self.at = element if self.reading else None
        return self.reading is not None

    def _is_beyond(self, element: ElementHeader) -> bool:
        if self._level.depth:
            return element.start >= self._level.end or element.tag in _ENDS_OF_ITEM
        return self._level.stop_at(element.tag)
