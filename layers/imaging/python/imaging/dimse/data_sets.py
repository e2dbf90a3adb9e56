"""The data sets of instances, one after the other, each begun before its message is; PS3.7 Section 6.3.1."""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing

from imaging.dicom.header import BytesSource, data_set_offset
from imaging.errors import ImagingError, Rejected, RejectReason, Unavailable
from imaging.model.instance import Instance
from imaging.reading.encode_instances import EncodeInstances, Encoding
from imaging.reading.retrieve_instances import Extent, RetrieveInstances


class DataSet:
    """One data set on its way out: its bytes in pieces, without File Meta Information.

    Attributes
    ----------
    size_bytes
        Of what has been taken of it.
    """

    def __init__(self, first: bytes, rest: Iterator[bytes]) -> None:
        offset = data_set_offset(BytesSource(first))
        self._begin = first[offset:]
        self._rest = rest
        self.size_bytes = 0
        self.failed = False

    def __iter__(self) -> Iterator[bytes]:
        begin, self._begin = self._begin, b""
        if begin:
            self.size_bytes += len(begin)
            yield begin
        try:
            for piece in self._rest:
                self.size_bytes += len(piece)
                yield piece
        except ImagingError:
            self.failed = True
            raise


def next_data_set(pieces: Iterator[bytes], file_bytes: int) -> DataSet:
    """The next file in `pieces` from its data set on: a message has no File Meta Information, PS3.7 Section 6.3.1.

    Raises
    ------
    Unavailable
        It cannot be read.
    """
    first = next(pieces)
    return DataSet(first, _rest_of(pieces, file_bytes - len(first)))


Read = tuple[Encoding, DataSet | ImagingError]
"""An instance, and its data set or why there is none."""


class ReadDataSets:
    """Reads and transcodes ahead of who sends, several instances side by side."""

    def __init__(self, retrieve: RetrieveInstances, encode: EncodeInstances) -> None:
        self._retrieve = retrieve
        self._encode = encode

    def makeable(self, instance: Instance) -> frozenset[str]:
        """The transfer syntaxes it can be made in.

        Raises
        ------
        Unavailable
            That cannot be told now.
        """
        return self._encode.targets(instance, implicit_vr=True)

    def __call__(self, encodings: Sequence[Encoding]) -> Generator[Read, None, None]:
        """Each in its turn, whatever becomes of the others; what is not taken of a data set is passed over."""
        left = deque(encodings)
        while left:
            run = _alike(left)
            reading = self._as_stored(run) if run[0].is_as_stored else self._transcoded(run)
            with closing(reading):
                for read in reading:
                    left.popleft()
                    yield read

    def _as_stored(self, encodings: Sequence[Encoding]) -> Generator[Read, None, None]:
        """As far as the first that cannot be read: nothing comes out of the stream behind it."""
        with closing(self._retrieve.stream(Extent.whole(each.instance) for each in encodings)) as pieces:
            for encoding in encodings:
                try:
                    data_set = next_data_set(pieces, encoding.instance.size_bytes)
                except ImagingError as failure:
                    yield encoding, failure
                    return
                yield encoding, data_set
                if data_set.failed:
                    return
                for _ in data_set:
                    pass

    def _transcoded(self, encodings: Sequence[Encoding]) -> Generator[Read, None, None]:
        with closing(self._encode(encodings)) as encoded:
            for encoding in encodings:
                try:
                    made = next(encoded)
                    with closing(made.pieces) as pieces:
                        if made.encoding != encoding:
                            yield encoding, _cannot_be_made()
                            continue
                        yield encoding, DataSet(next(pieces), pieces)
                except Unavailable as failure:
                    yield encoding, failure
                    return


def _alike(encodings: Sequence[Encoding] | deque[Encoding]) -> list[Encoding]:
    """The first of them that are all sent as stored, or all made anew."""
    run: list[Encoding] = []
    for encoding in encodings:
        if run and encoding.is_as_stored != run[0].is_as_stored:
            break
        run.append(encoding)
    return run


def _rest_of(pieces: Iterator[bytes], size_bytes: int) -> Iterator[bytes]:
    while size_bytes > 0:
        piece = next(pieces)
        size_bytes -= len(piece)
        yield piece


def _cannot_be_made() -> Rejected:
    return Rejected(RejectReason.NOT_ACCEPTABLE, "The pixels cannot be decoded, and the peer does not take them so.")
