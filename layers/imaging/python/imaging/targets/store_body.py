"""The body of a store request, PS3.18 Section 8.6.1.2: read from the store as it goes out, with its length known."""

import secrets
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import TypeAlias

from imaging.model.instance import Instance
from imaging.reading.retrieve_instances import Extent, Part

StreamParts: TypeAlias = Callable[[Iterable[Part]], Generator[bytes, None, None]]
"""`imaging.reading.retrieve_instances.RetrieveInstances.stream`."""

_PIECE_BYTES = 128 * 1024  # each has the connection's whole timeout for itself


class StoreBody:
    """Instances as ``multipart/related``, each the bytes of its file; can be gone through again and again."""

    def __init__(self, instances: Sequence[Instance], stream: StreamParts) -> None:
        self._stream = stream
        self._boundary = secrets.token_hex(16)  # 128 random bits: in none of the parts
        head = f"--{self._boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        self._parts: list[Part] = [
            part for instance in instances for part in (head, Extent.whole(instance), b"\r\n")
        ] + [f"--{self._boundary}--\r\n".encode()]

    @property
    def content_type(self) -> str:
        """Of the whole."""
        return f'multipart/related; type="application/dicom"; boundary={self._boundary}'

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __iter__(self) -> Iterator[bytes]:
        with closing(self._stream(self._parts)) as pieces:
            kept = bytearray()
            for piece in pieces:
                kept += piece
                for first in range(0, len(kept) - _PIECE_BYTES + 1, _PIECE_BYTES):
                    yield bytes(kept[first : first + _PIECE_BYTES])
                del kept[: len(kept) // _PIECE_BYTES * _PIECE_BYTES]
            if kept:
                yield bytes(kept)
