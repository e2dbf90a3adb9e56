"""A part of a file, copied piece by piece."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import SEEK_END
from typing import BinaryIO

PIECE_BYTES = 256 * 1024


@dataclass(frozen=True)
class FileRange:
    """Some bytes of a file that can be sought; for one thread at a time.

    Attributes
    ----------
    start
        Of its first byte, from the start of the file.
    size_bytes
        Its length.
    """

    file: BinaryIO
    start: int
    size_bytes: int

    @classmethod
    def of(cls, file: BinaryIO) -> "FileRange":
        """The whole file."""
        return cls(file, 0, file.seek(0, SEEK_END))

    def within(self, start: int, size_bytes: int) -> "FileRange":
        """A part of it, `start` counted from its first byte; what lies beyond its end is left out."""
        start = min(start, self.size_bytes)
        return FileRange(self.file, self.start + start, min(size_bytes, self.size_bytes - start))

    def read(self, start: int, size_bytes: int) -> bytes:
        """Bytes from `start` on, counted from its first byte; fewer at the end."""
        wanted = self.within(start, size_bytes)
        self.file.seek(wanted.start)
        return self.file.read(wanted.size_bytes)

    def pieces(self) -> Iterator[bytes]:
        """All of it, in order."""
        for start in range(0, self.size_bytes, PIECE_BYTES):
            yield self.read(start, PIECE_BYTES)
