"""Bodies in pieces: begun, gathered, compressed; closing one closes what it comes from."""

import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Protocol

GATHERED_BYTES = 256 * 1024  # every piece costs its carrier a turn, however small it is

_GZIP_FORMAT = 31  # as zlib's wbits: the widest window, and gzip's header and trailer
_GZIP_LEVEL = 6


class Pieces(Protocol):
    """An iterator that can be closed early, such as a generator."""

    def __iter__(self) -> Iterator[bytes]: ...

    def __next__(self) -> bytes: ...

    def close(self) -> None:
        """Fetch nothing more."""


class Stream:
    """The pieces of a body, the first of them there already: what fails before it can still become a status.

    Whoever sends it closes it, also when the client has gone. What fails later
    is raised where the piece would be; the connection is then to be cut, so
    that nobody takes a part for the whole.

    Parameters
    ----------
    at_least
        How many bytes the first piece has if there are so many.
    """

    def __init__(self, pieces: Pieces, *, at_least: int = 1) -> None:
        self._pieces = pieces
        begun: list[bytes] = []
        while sum(map(len, begun)) < at_least and (piece := next(pieces, None)) is not None:
            begun.append(piece)
        self._first = b"".join(begun)

    @property
    def first(self) -> bytes:
        """The first piece until it is taken; empty if there is none."""
        return self._first

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            return first
        return next(self._pieces)

    def close(self) -> None:
        """Fetch nothing more."""
        self._first = b""
        self._pieces.close()


def gathered(pieces: Pieces, *, at_least: int = GATHERED_BYTES) -> Generator[bytes, None, None]:
    """Join small pieces to larger ones; one under `at_least` comes only at the end or before a large one."""
    with closing(pieces):
        kept = bytearray()
        for piece in pieces:
            if len(piece) >= at_least:  # never copied
                if kept:
                    yield bytes(kept)
                    kept.clear()
                yield piece
                continue
            kept += piece
            if len(kept) >= at_least:
                yield bytes(kept)
                kept.clear()
        if kept:
            yield bytes(kept)


def zipped(pieces: Pieces) -> Generator[bytes, None, None]:
    """Compress with gzip; the same content gives the same bytes."""
    gzip = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_FORMAT)
    with closing(pieces):
        for piece in pieces:
            yield gzip.compress(piece)
    yield gzip.flush()
