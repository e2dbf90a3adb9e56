"""Generators that begin with what is there already."""

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import TypeVar

Piece = TypeVar("Piece")


def begun_with(begun: Sequence[Piece], pieces: Generator[Piece, None, None]) -> Generator[Piece, None, None]:
    """What was taken of a generator, and then the rest of it."""
    with closing(pieces):
        yield from begun
        yield from pieces
