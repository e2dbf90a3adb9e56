"""A data set in the Deflated Explicit VR Little Endian transfer syntax, PS3.5 Section A.5."""

import sys
import zlib

from imaging.dicom.byte_source import ByteSource, truncated
from imaging.errors import Rejected, RejectReason

COMPRESSED_PIECE_BYTES = 64 * 1024  # at first; who reads on is given more at a time
MAX_COMPRESSED_PIECE_BYTES = 4 * 1024 * 1024
INFLATED_PIECE_BYTES = 1024 * 1024
MAX_INFLATED_BYTES = 1024 * 1024 * 1024


class InflatedSource:
    """The data set as it is when inflated, from front to back and only as far as it is read.

    Nothing can be skipped in a deflated stream: this is the one transfer
    syntax whose header costs what lies before it.

    Parameters
    ----------
    source
        The whole file.
    offset
        Where the deflated stream begins, from the start of the file.
    """

    def __init__(self, source: ByteSource, offset: int) -> None:
        self._source = source
        self._next = offset
        self._piece_bytes = COMPRESSED_PIECE_BYTES
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)  # a raw stream, RFC 1951: PS3.5 Section A.5
        self._inflated_bytes = 0

    @property
    def size_bytes(self) -> int:
        """Not known before the end; larger than any element can be."""
        return sys.maxsize

    def read_range(self, first: int, last: int) -> bytes:
        """Inflated bytes; `first` never lies before what was read already, and the end gives fewer bytes."""
        while self._inflated_bytes < first:
            if not self._inflate(first - self._inflated_bytes):
                raise truncated()
        pieces = []
        while self._inflated_bytes <= last:
            piece = self._inflate(last + 1 - self._inflated_bytes)
            if not piece:
                break
            pieces.append(piece)
        return b"".join(pieces)

    def _inflate(self, at_most: int) -> bytes:
        """The next bytes; empty at the end of the stream."""
        piece = b""
        while not piece and not self._inflater.eof:
            compressed = self._inflater.unconsumed_tail or self._compressed()
            try:
                piece = self._inflater.decompress(compressed, min(at_most, INFLATED_PIECE_BYTES))
            except zlib.error as error:
                raise Rejected(RejectReason.NOT_DICOM, "The deflated data set cannot be inflated.") from error
        self._inflated_bytes += len(piece)
        if self._inflated_bytes > MAX_INFLATED_BYTES:
            raise Rejected(RejectReason.TOO_LARGE, "The data set is larger than 1 GiB when it is inflated.")
        return piece

    def _compressed(self) -> bytes:
        last = min(self._next + self._piece_bytes, self._source.size_bytes) - 1
        if self._next > last:
            raise truncated()
        compressed = self._source.read_range(self._next, last)
        self._next = last + 1
        self._piece_bytes = min(2 * self._piece_bytes, MAX_COMPRESSED_PIECE_BYTES)
        return compressed
