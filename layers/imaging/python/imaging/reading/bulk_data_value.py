"""A bulk value, read where it lies, in pieces; PS3.18 Sections 8.7.3.3 and 10.4.1.1.5."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from imaging.dicom.byte_source import ByteSource
from imaging.dicom.native_frame import swapped
from imaging.errors import Rejected, RejectReason
from imaging.reading.instance_source import ForwardSource
from imaging.reading.read_ahead import Fetch, MiB, ReadAhead

MAX_PIECE_BYTES = 8 * MiB


@dataclass(frozen=True)
class BulkDataValue:
    """A value that can be sent.

    Attributes
    ----------
    transfer_syntax_uid
        Explicit VR Little Endian, or how the value is compressed.
    is_in_frames
        It is compressed pixels, to be sent frame by frame; it has no bytes of its own.
    """

    vr: str
    transfer_syntax_uid: str
    is_in_frames: bool
    _source: ByteSource
    _read_ahead: ReadAhead
    _extents: tuple[tuple[int, int], ...] = ()
    """Where its bytes lie: the first of each part, and the first behind it."""
    _swapped_bytes: int = 1
    """How many bytes stand in big-endian order; 1: none."""

    @property
    def size_bytes(self) -> int:
        """Of the value as it is sent."""
        return sum(end - first for first, end in self._extents)

    def stream(self, first: int = 0, last: int | None = None) -> Generator[bytes, None, None]:
        """The value's bytes `first` to `last`, both counted from 0 and both included, in pieces, little endian.

        Raises
        ------
        Rejected
            With a piece: `NOT_ACCEPTABLE` if the value is not all there.
        Unavailable
            With a piece: it cannot be read.
        """
        end = self.size_bytes if last is None else min(last + 1, self.size_bytes)
        pieces = (Fetch(stop - start, partial(self._piece, start, stop)) for start, stop in self._pieces(first, end))
        if isinstance(self._source, ForwardSource):  # inflates from front to back
            return (piece.call() for piece in pieces)
        return self._read_ahead.in_order(pieces)

    def _pieces(self, first: int, end: int) -> Iterator[tuple[int, int]]:
        """Where each piece begins and ends, in the value; they meet where whole words do."""
        edges = [first, *range(first - first % MAX_PIECE_BYTES + MAX_PIECE_BYTES, end, MAX_PIECE_BYTES), end]
        return ((start, stop) for start, stop in pairwise(edges) if stop > start)

    def _piece(self, start: int, stop: int) -> bytes:
        skipped = start % self._swapped_bytes
        upto = stop + -stop % self._swapped_bytes
        content = b"".join(self._read(start - skipped, min(upto, self.size_bytes)))
        if self._swapped_bytes > 1:
            content = swapped(content, self._swapped_bytes)
        return content[skipped : skipped + stop - start]

    def _read(self, start: int, stop: int) -> Iterator[bytes]:
        position = 0
        for first, end in self._extents:
            start_within, stop_within = max(start - position, 0), min(stop - position, end - first)
            if start_within < stop_within:
                wanted = stop_within - start_within
                content = self._source.read_range(first + start_within, first + stop_within - 1)
                if len(content) < wanted:
                    raise Rejected(
                        RejectReason.NOT_ACCEPTABLE, "The instance ends in the middle of this value; send it again."
                    )
                yield content
            position += end - first
