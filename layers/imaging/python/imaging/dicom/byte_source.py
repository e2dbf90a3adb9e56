"""Ranged access to the bytes of one object, and a file-like over it; PS3.10 Section 7 from the transport's side."""

import hashlib
import os
from typing import BinaryIO, Protocol

from imaging.errors import Rejected, RejectReason

READ_AHEAD_BYTES = 64 * 1024
MAX_PIECE_BYTES = 1024 * 1024
MAX_FETCHED_BYTES = 64 * 1024 * 1024

ELEMENT_HEADER_BYTES = 8  # tag, VR, 16-bit length; or tag, 32-bit length: PS3.5 Section 7.1


class ByteSource(Protocol):
    """Ranged access to one object."""

    @property
    def size_bytes(self) -> int:
        """The size of the whole object."""

    def read_range(self, first: int, last: int) -> bytes:
        """Bytes `first` to `last`, both counted from 0 and both included."""


class BytesSource:
    """An object that is in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def size_bytes(self) -> int:
        """The size of the whole object."""
        return len(self._content)

    def read_range(self, first: int, last: int) -> bytes:
        """Bytes `first` to `last`, both counted from 0 and both included."""
        return self._content[first : last + 1]


class FileSource:
    """An object in a file that can be sought; for one thread at a time.

    Parameters
    ----------
    file
        Its position does not matter, and is moved.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size_bytes = file.seek(0, os.SEEK_END)

    @property
    def size_bytes(self) -> int:
        """The size of the whole object."""
        return self._size_bytes

    def read_range(self, first: int, last: int) -> bytes:
        """Bytes `first` to `last`, both counted from 0 and both included."""
        self._file.seek(first)
        return self._file.read(last + 1 - first)


def source_of(content: bytes | BinaryIO) -> ByteSource:
    """Ranged access to what is in memory or in a file."""
    return BytesSource(content) if isinstance(content, bytes) else FileSource(content)


def sha256_from(source: ByteSource, offset: int) -> str:
    """The SHA-256 of all bytes from `offset` on, in hex; read piece by piece."""
    digest = hashlib.sha256()
    for first in range(offset, source.size_bytes, MAX_PIECE_BYTES):
        digest.update(source.read_range(first, min(first + MAX_PIECE_BYTES, source.size_bytes) - 1))
    return digest.hexdigest()


def truncated() -> Rejected:
    """The refusal of an object that ends too early."""
    return Rejected(RejectReason.TRUNCATED, "The file ends in the middle of its data set; send it again.")


class RangeReader:
    """A file over a `ByteSource`, for a parser that goes forwards and looks back a few bytes.

    No byte is fetched twice, and at most `read_ahead_bytes` are fetched beyond
    what was asked for.

    Attributes
    ----------
    end
        The first offset after the object.
    needed_until
        Up to here everything will be read; the reader may fetch it in larger
        pieces.
    read_ahead_bytes
        How much is fetched at least.
    max_fetched_bytes
        After so many it gives up.
    cut
        What the last read found when the end cut it short, else None.
    """

    def __init__(self, source: ByteSource) -> None:
        self.end = source.size_bytes
        self.cut: bytes | None = None
        self.renew()
        self._source = source
        self._position = 0
        self._window = b""
        self._window_start = 0

    def renew(self) -> None:
        """Read on as a new reader does, with its bounds, and keep what is there."""
        self.needed_until = 0
        self.read_ahead_bytes = READ_AHEAD_BYTES
        self.max_fetched_bytes = MAX_FETCHED_BYTES
        self._fetched_bytes = 0

    def tell(self) -> int:
        """The offset of the next byte, from the start of the object."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go on elsewhere; nothing is fetched by it."""
        self._position = offset if whence == os.SEEK_SET else self._position + offset
        return self._position

    def peek(self, size: int) -> bytes:
        """The next bytes, fewer at the end, without going on."""
        first = self._position - self._window_start
        if first < 0 or first + size > len(self._window):
            self._fetch(size)
            first = self._position - self._window_start
        return self._window[first : first + size]

    def read(self, size: int) -> bytes:
        """The next bytes.

        Only the header of an element may be cut by the end of the object: what
        is no more than padding there is for the caller to tell.

        Raises
        ------
        Rejected
            `TRUNCATED`; `TOO_LARGE` if a hostile header makes us read without end.
        """
        found = self.peek(size)
        self._position += len(found)
        self.cut = found if len(found) < size else None
        if self.cut is not None and size != ELEMENT_HEADER_BYTES:
            raise truncated()
        return found

    def _fetch(self, size: int) -> None:
        offset = self._position - self._window_start
        if 0 <= offset <= len(self._window):
            # A parser looks back at most the header of an element, 12 bytes.
            self._window = self._window[max(0, offset - 2 * ELEMENT_HEADER_BYTES) :]
            self._window_start += max(0, offset - 2 * ELEMENT_HEADER_BYTES)
        else:
            self._window, self._window_start = b"", self._position
        first = self._window_start + len(self._window)
        ahead = max(self.read_ahead_bytes, min(self.needed_until - first, MAX_PIECE_BYTES))
        last = min(max(self._position + size, first + ahead), self.end) - 1
        if first > last:
            return
        if self._fetched_bytes + last + 1 - first > self.max_fetched_bytes:
            raise Rejected(RejectReason.TOO_LARGE, "The header, all before Pixel Data, is larger than 64 MiB.")
        fetched = self._source.read_range(first, last)
        self._window += fetched
        self._fetched_bytes += len(fetched)
