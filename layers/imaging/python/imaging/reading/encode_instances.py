"""Give instances one after the other, each in the transfer syntax that was chosen for it."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from imaging.errors import Rejected
from imaging.model.instance import Instance
from imaging.reading.pieces import begun_with
from imaging.reading.read_ahead import Fetch, MiB, ReadAhead
from imaging.reading.retrieve_instances import Extent, RetrieveInstances
from imaging.reading.transcode_instance import TranscodeInstance

MAX_BYTES_HELD = 8 * MiB

_SIDE_BY_SIDE = 4  # about as many decoders as there are workers
_LARGEST_EXPANSION = 20  # of a compressed instance whose uncompressed size nobody tells


@dataclass(frozen=True)
class Encoding:
    """An instance, and the transfer syntax in which it is sent."""

    instance: Instance
    transfer_syntax_uid: str

    @property
    def is_as_stored(self) -> bool:
        """Whether nothing has to be made of it."""
        return self.transfer_syntax_uid == self.instance.arrival.transfer_syntax_uid

    def as_stored(self) -> "Encoding":
        """The same instance as it lies in the bucket."""
        return Encoding(self.instance, self.instance.arrival.transfer_syntax_uid)


@dataclass(frozen=True)
class Encoded:
    """An instance on its way out, as it was made in the end."""

    encoding: Encoding
    pieces: Generator[bytes, None, None]


class EncodeInstances:
    """Reads and transcodes small instances side by side and ahead, large ones piece by piece."""

    def __init__(self, retrieve: RetrieveInstances, transcode: TranscodeInstance) -> None:
        self._retrieve = retrieve
        self._transcode = transcode
        # Threads of its own: what they wait for is fetched by those of the others.
        self._read_ahead = ReadAhead(side_by_side=_SIDE_BY_SIDE)

    def targets(self, instance: Instance, *, implicit_vr: bool = False) -> frozenset[str]:
        """The transfer syntaxes it can be made in, beside the one it is stored in; see `TranscodeInstance.targets`."""
        return self._transcode.targets(instance, implicit_vr=implicit_vr)

    def one(self, encoding: Encoding) -> Generator[bytes, None, None]:
        """One instance in pieces.

        Raises
        ------
        Rejected
            `NOT_ACCEPTABLE` in place of the first piece if its pixels cannot be decoded.
        Unavailable
            Part of it cannot be read.
        """
        if encoding.is_as_stored:
            return self._retrieve.stream([Extent.whole(encoding.instance)])
        return self._transcode.pieces(encoding.instance, encoding.transfer_syntax_uid)

    def __call__(self, encodings: Sequence[Encoding]) -> Generator[Encoded, None, None]:
        """All of them in their order; one whose pixels cannot be decoded is given as it is stored."""
        parts = self._fetches(encodings)
        ahead: Generator[Encoding | Encoded, None, None] = self._read_ahead.in_order(parts)
        with closing(ahead):
            for encoded in ahead:
                yield self._begun(encoded) if isinstance(encoded, Encoding) else encoded

    def _fetches(self, encodings: Iterable[Encoding]) -> Iterator[Encoding | Encoded | Fetch[Encoding | Encoded]]:
        for encoding in encodings:
            size_bytes = self._size_bytes(encoding)
            if size_bytes <= MAX_BYTES_HELD:
                yield Fetch(size_bytes, partial(self._held, encoding))
            else:
                yield encoding

    def _size_bytes(self, encoding: Encoding) -> int:
        stored = encoding.instance.size_bytes
        if encoding.is_as_stored:
            return stored
        made = self._transcode.size_bytes(encoding.instance, encoding.transfer_syntax_uid)
        return max(stored, _LARGEST_EXPANSION * stored if made is None else made)

    def _held(self, encoding: Encoding) -> Encoded:
        """Begun, and all there unless it turns out to be larger than it looked."""
        return self._begun(encoding, MAX_BYTES_HELD)

    def _begun(self, encoding: Encoding, at_least: int = 1) -> Encoded:
        try:
            return Encoded(encoding, _begun(self.one(encoding), at_least))
        except Rejected:
            as_stored = encoding.as_stored()
            return Encoded(as_stored, _begun(self.one(as_stored), at_least))


def _begun(pieces: Generator[bytes, None, None], at_least: int) -> Generator[bytes, None, None]:
    """The same pieces, so many bytes of them there already."""
    begun: list[bytes] = []
    size_bytes = 0
    while size_bytes < at_least and (piece := next(pieces, None)) is not None:
        begun.append(piece)
        size_bytes += len(piece)
    return begun_with(begun, pieces)
