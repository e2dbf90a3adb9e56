"""Finds the frames in an encapsulated value without reading it; PS3.5 Section A.4."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from struct import unpack

from imaging.dicom.byte_source import RangeReader
from imaging.dicom.data_element import ITEM, SEQUENCE_DELIMITATION, UNDEFINED_LENGTH
from imaging.errors import Rejected, RejectReason

ITEM_HEADER_BYTES = 8
MAX_TABLE_BYTES = 16 * 1024 * 1024

MAX_FRAGMENTS = 200_000

_HOP_BYTES = 4 * 1024
_SHORT_FRAGMENT_BYTES = 64 * 1024  # shorter ones are read along: a request costs more than their bytes

_STARTS = (b"\xff\xd8", b"\xff\x4f\xff\x51", b"\xff\x0a", b"\x00\x00\x00\x0cjP  ", b"\x00\x00\x00\x0cJXL ")
"""How a JPEG or JPEG-LS, a JPEG 2000 and a JPEG XL codestream begins, and the latter two in boxes."""


@dataclass(frozen=True)
class Effort:
    """How far fragments are gone through in search of frames.

    Attributes
    ----------
    hops
        Over long fragments; each is a request of its own.
    read_bytes
        Of short fragments, which are read along.
    """

    hops: int
    read_bytes: int


BRIEF = Effort(500, 64 * 1024 * 1024)
"""Some seconds: for who has others to attend to."""

PATIENT = Effort(5_000, 512 * 1024 * 1024)
"""For who was asked for these frames."""


class TooManyFragments(Rejected):
    """The effort does not suffice."""

    def __init__(self) -> None:
        super().__init__(
            RejectReason.NOT_ACCEPTABLE,
            "The compressed pixels have too many fragments to be gone through; retrieve the whole instance.",
        )


@dataclass(frozen=True)
class Fragment:
    """An item of an encapsulated value.

    Attributes
    ----------
    start
        Of the item, not its content.
    begins_frame
        Whether its content begins as a codestream does.
    """

    start: int
    end: int
    begins_frame: bool


@dataclass(frozen=True)
class FoundFrames:
    """Where the frames of an encapsulated value are.

    Attributes
    ----------
    offsets
        As `imaging.dicom.pixel_layout.PixelLayout.frame_offsets`.
    end
        Behind the Sequence Delimitation Item.
    """

    offsets: tuple[int, ...]
    end: int


class Fragments:
    """Goes from item header to item header, in few and small reads.

    Parameters
    ----------
    reader
        Stands at the item of the Basic Offset Table, the first of the value.
    effort
        With what to be content.

    Attributes
    ----------
    basic_offset_table
        Its entries, as they are.
    first
        Where the first fragment's item begins.
    """

    def __init__(self, reader: RangeReader, effort: Effort = PATIENT) -> None:
        self._reader = reader
        self._effort = effort
        self._hops = 0
        self._read_along_bytes = 0
        tag, length = self._item_header()
        if tag != ITEM or length > MAX_TABLE_BYTES:
            raise broken()
        table = reader.read(length)
        self.basic_offset_table = unpack(f"<{length // 4}L", table[: length // 4 * 4])
        self.first = reader.tell()

    def find(
        self, number_of_frames: int, extended_offset_table: Sequence[int] = (), *, trusts: bool = True
    ) -> FoundFrames:
        """Find the frames.

        By the offset tables, if their last entry leads to an item; else each
        fragment is a frame if there are as many, or each begins where a
        codestream does.

        Parameters
        ----------
        number_of_frames
            As the instance tells; 0: find the end only.
        trusts
            False: the tables have been found wrong.

        Raises
        ------
        Rejected
            If it is no encapsulated value.
        TooManyFragments
            If it takes too long to go through.
        """
        for table in (extended_offset_table, self.basic_offset_table) if trusts else ():
            starts = [self.first + offset for offset in table]
            if 0 < number_of_frames <= len(starts) and self._is_usable(starts):
                *_, last = self.walk(starts[-1])
                offsets = (*starts, last.end)[: number_of_frames + 1]
                return FoundFrames(offsets, self._reader.tell())
        fragments = list(self.walk(self.first))
        return FoundFrames(_grouped(fragments, number_of_frames), self._reader.tell())

    def walk(self, start: int) -> Iterator[Fragment]:
        """The fragments from the one at `start` on; in the end the reader stands behind the delimiter."""
        reader, count = self._reader, 0
        reader.max_fetched_bytes = sys.maxsize  # the effort bounds it
        reader.read_ahead_bytes = _HOP_BYTES
        reader.seek(start)
        while True:
            tag, length = self._item_header()
            if tag == SEQUENCE_DELIMITATION:
                return
            end = reader.tell() + length
            if tag != ITEM or length == UNDEFINED_LENGTH or end > reader.end:
                raise broken()
            yield Fragment(reader.tell() - ITEM_HEADER_BYTES, end, reader.peek(12)[:length].startswith(_STARTS))
            count += 1
            is_short = length <= _SHORT_FRAGMENT_BYTES
            self._hops += not is_short
            self._read_along_bytes += is_short * (length + ITEM_HEADER_BYTES)
            if (
                count > MAX_FRAGMENTS
                or self._hops > self._effort.hops
                or self._read_along_bytes > self._effort.read_bytes
            ):
                raise TooManyFragments
            reader.needed_until = reader.end if is_short else 0
            reader.seek(end)
            if reader.end - end <= ITEM_HEADER_BYTES:
                reader.seek(reader.end)  # nothing but the delimiter has room, or it is missing
                return

    def _is_usable(self, starts: Sequence[int]) -> bool:
        if starts[0] != self.first or any(later <= earlier for earlier, later in pairwise(starts)):
            return False
        if starts[-1] + ITEM_HEADER_BYTES > self._reader.end:
            return False
        self._reader.read_ahead_bytes = _HOP_BYTES
        self._reader.seek(starts[-1])
        return self._item_header()[0] == ITEM

    def _item_header(self) -> tuple[int, int]:
        header = self._reader.read(ITEM_HEADER_BYTES)
        if len(header) < ITEM_HEADER_BYTES:
            raise broken()
        group, element, length = unpack("<HHL", header)
        return group << 16 | element, length


def content_of(items: bytes) -> bytes:
    """The content of whole items, joined, without the byte that pads a codestream.

    Raises
    ------
    Rejected
        If they are no items from the first byte to the last.
    """
    contents, position = [], 0
    while position < len(items):
        if position + ITEM_HEADER_BYTES > len(items):
            raise broken()
        group, element, length = unpack("<HHL", items[position : position + ITEM_HEADER_BYTES])
        position += ITEM_HEADER_BYTES
        if group << 16 | element != ITEM or position + length > len(items):
            raise broken()
        contents.append(items[position : position + length])
        position += length
    content = contents[0] if len(contents) == 1 else b"".join(contents)
    # All of the JPEG family end with this marker; what pads RLE cannot be told from it and does no harm.
    return content[:-1] if content.endswith(b"\xff\xd9\x00") else content


def broken() -> Rejected:
    """The refusal of what should be fragments and is not."""
    return Rejected(
        RejectReason.NOT_ACCEPTABLE,
        "The compressed pixels are not made of fragments as PS3.5 Section A.4 has them; retrieve the whole instance.",
    )


def _grouped(fragments: Sequence[Fragment], number_of_frames: int) -> tuple[int, ...]:
    if not fragments or not number_of_frames:
        return ()
    starts = [fragment.start for fragment in fragments]
    if number_of_frames == 1:
        starts = starts[:1]
    elif len(fragments) != number_of_frames:
        starts = [fragment.start for fragment in fragments if fragment.begins_frame]
        if len(starts) != number_of_frames or not fragments[0].begins_frame:
            return ()
    return (*starts, fragments[-1].end)
