"""Compressed frames as an encapsulated value; PS3.5 Section A.4."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import accumulate
from struct import pack, unpack

from imaging.dicom.data_element import ITEM, SEQUENCE_DELIMITATION
from imaging.dicom.file_range import FileRange

MAX_FRAGMENT_BYTES = 0xFFFFFFFE
ITEM_BYTES = b"\xfe\xff\x00\xe0"

_MAX_OFFSET = 0xFFFFFFFF
_MAX_FRAGMENTS = 1_000_000
_ITEM_HEADER_BYTES = 8


class Encapsulation(Enum):
    """How compressed bytes lie in their ranges."""

    FRAMES = auto()
    """Each range is one frame."""
    STREAM = auto()
    """All frames are one stream: a video."""
    FRAGMENTS = auto()
    """The range is an encapsulated value already, with or without its delimiter."""


@dataclass(frozen=True)
class BulkValue:
    """A value that lies in files.

    Attributes
    ----------
    encapsulation
        None: the ranges, one after the other, are the value.
    """

    ranges: tuple[FileRange, ...]
    encapsulation: Encapsulation | None = None


def encapsulated(value: BulkValue) -> Iterator[bytes]:
    """Make the items of a compressed value: its Basic Offset Table, its fragments and their delimiter.

    One fragment a frame. The table is empty for a video, of whose one stream
    it could say nothing, and where a frame lies beyond 4 GiB. pydicom's
    `EncapsulatedBuffer` makes the same, in a time that grows with the square
    of the number of frames.
    """
    if value.encapsulation is Encapsulation.FRAGMENTS:
        yield from value.ranges[0].pieces()
    else:
        fragments = [part for frame in value.ranges for part in _fragments(frame)]
        yield _basic_offset_table(value, fragments)
        for fragment in fragments:
            yield ITEM_BYTES + pack("<L", fragment.size_bytes + fragment.size_bytes % 2)
            yield from fragment.pieces()
            yield bytes(fragment.size_bytes % 2)
    yield pack("<HHL", SEQUENCE_DELIMITATION >> 16, SEQUENCE_DELIMITATION & 0xFFFF, 0)


def _fragments(frame: FileRange) -> Iterator[FileRange]:
    for start in range(0, frame.size_bytes, MAX_FRAGMENT_BYTES):
        yield frame.within(start, MAX_FRAGMENT_BYTES)


def _basic_offset_table(value: BulkValue, fragments: Sequence[FileRange]) -> bytes:
    """Where each frame's item begins, from the first item after the table."""
    sizes = [_ITEM_HEADER_BYTES + fragment.size_bytes + fragment.size_bytes % 2 for fragment in fragments]
    offsets = list(accumulate(sizes, initial=0))[:-1]
    one_each = value.encapsulation is Encapsulation.FRAMES and len(fragments) == len(value.ranges)
    if not one_each or max(offsets, default=0) > _MAX_OFFSET:
        offsets = []
    return ITEM_BYTES + pack(f"<L{len(offsets)}L", 4 * len(offsets), *offsets)


def find_fragments(value: FileRange) -> list[FileRange] | None:
    """Find the fragments of what is an encapsulated value already, the Basic Offset Table first.

    Returns
    -------
    list of FileRange or None
        None if the bytes are no such value from the first to the last.
    """
    fragments: list[FileRange] = []
    position = 0
    while position < value.size_bytes:
        header = value.read(position, _ITEM_HEADER_BYTES)
        if len(header) < _ITEM_HEADER_BYTES or len(fragments) > _MAX_FRAGMENTS:
            return None
        group, element, length = unpack("<HHL", header)
        position += _ITEM_HEADER_BYTES
        tag = group << 16 | element
        if tag == SEQUENCE_DELIMITATION:
            break
        if tag != ITEM or length % 2 or position + length > value.size_bytes:
            return None
        fragments.append(value.within(position, length))
        position += length
    # an odd byte can follow the delimiter as padding
    return fragments if fragments and value.size_bytes - position <= 1 else None
