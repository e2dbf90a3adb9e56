"""JSON arrays of objects, taken apart without holding them; as we write them, without blanks."""

import json
import zlib
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from typing import Any

from imaging.errors import Unavailable

MAX_RUN_CHARACTERS = 4 * 1024 * 1024

_INFLATED_BYTES = 1024 * 1024  # at a time, however well it was compressed
_GZIP_FORMAT = 31  # as zlib's wbits
_DECODER = json.JSONDecoder()


def elements(run: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a run, as text and as value, one by one: as values all of them would be ten times the text."""
    start = 0
    while start < len(run):
        element, end = _DECODER.raw_decode(run, start)
        yield run[start:end], element
        start = end + len(",")


def runs(zipped: Iterable[bytes]) -> Iterator[bytes]:
    """The elements of a gzipped array in runs: joined by commas, about `MAX_RUN_CHARACTERS` or one element long.

    An array that is no longer than a run is not looked into.
    """
    decoder = getincrementaldecoder("utf-8")()
    rest = ""  # what stands in no run yet: "[" or "," and elements, the last of them broken off
    wanted = MAX_RUN_CHARACTERS
    for inflated in _inflated(zipped):
        rest += decoder.decode(inflated)
        if len(rest) <= wanted:
            continue
        end = _end_of_last_element(rest)
        if end:
            yield rest[1:end].encode()
            rest = rest[end:]
        wanted = max(MAX_RUN_CHARACTERS, 2 * len(rest))  # an element that is longer is not looked at over and over
    if len(rest) > len("[]"):
        yield rest[1:-1].encode()


def _inflated(zipped: Iterable[bytes]) -> Iterator[bytes]:
    gzip = zlib.decompressobj(wbits=_GZIP_FORMAT)
    for piece in zipped:
        left = piece
        while left:
            yield gzip.decompress(left, _INFLATED_BYTES)
            left = gzip.unconsumed_tail
    yield gzip.flush()
    if not gzip.eof:
        raise Unavailable("The metadata of a series ends too early.")


def _end_of_last_element(text: str) -> int:
    """Where the last whole element ends; 0 if none does."""
    end = 0
    while end + 1 < len(text):
        try:
            _, end = _DECODER.raw_decode(text, end + 1)
        except json.JSONDecodeError:  # the last one is broken off
            break
    return end
