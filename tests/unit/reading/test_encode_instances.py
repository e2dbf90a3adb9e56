"""Instances made in another transfer syntax are held only as far as they are small."""

from collections.abc import Generator

import pytest
from pydicom.uid import ExplicitVRLittleEndian

from imaging.errors import Rejected, RejectReason
from imaging.model.instance import Instance
from imaging.reading.encode_instances import MAX_BYTES_HELD, EncodeInstances, Encoding
from tests.fakes import InMemoryObjects
from tests.unit.dicom.pixel_files import encapsulated_file, frame
from tests.unit.reading.stored_instances import stored_instance

MiB = 1024 * 1024
EXPLICIT = str(ExplicitVRLittleEndian)


class Retrieve:
    """`imaging.reading.retrieve_instances.RetrieveInstances`, of one instance."""

    def stream(self, extents: object) -> Generator[bytes, None, None]:
        yield b"as stored"


class Transcode:
    """`imaging.reading.transcode_instance.TranscodeInstance`, that makes more than it can foretell."""

    def __init__(self, size_mib: int, fails_after: int | None = None) -> None:
        self.made_bytes = 0
        self.is_closed = False
        self._size_mib = size_mib
        self._fails_after = fails_after

    def size_bytes(self, instance: Instance, transfer_syntax_uid: str) -> int | None:
        return None

    def pieces(self, instance: Instance, transfer_syntax_uid: str) -> Generator[bytes, None, None]:
        try:
            for number in range(self._size_mib):
                if number == self._fails_after:
                    raise Rejected(RejectReason.NOT_ACCEPTABLE, "It cannot be decoded.")
                self.made_bytes += MiB
                yield bytes([number % 256]) * MiB
        finally:
            self.is_closed = True


@pytest.fixture
def encoding() -> Encoding:
    return Encoding(stored_instance(InMemoryObjects(), encapsulated_file([frame(1)])), EXPLICIT)


def test_what_turns_out_to_be_large_is_not_held_whole(encoding: Encoding) -> None:
    transcode = Transcode(200)
    (encoded,) = EncodeInstances(Retrieve(), transcode)([encoding])  # type: ignore[arg-type]
    assert transcode.made_bytes <= MAX_BYTES_HELD + MiB
    assert [piece[0] for piece in encoded.pieces] == list(range(200))


def test_the_rest_is_not_made_for_who_has_gone(encoding: Encoding) -> None:
    transcode = Transcode(200)
    (encoded,) = EncodeInstances(Retrieve(), transcode)([encoding])  # type: ignore[arg-type]
    next(encoded.pieces)
    encoded.pieces.close()
    assert transcode.is_closed
    assert transcode.made_bytes <= MAX_BYTES_HELD + MiB


@pytest.mark.parametrize("fails_after", [0, 3])
def test_what_cannot_be_made_is_given_as_it_is_stored(encoding: Encoding, fails_after: int) -> None:
    encode = EncodeInstances(Retrieve(), Transcode(200, fails_after))  # type: ignore[arg-type]
    (encoded,) = encode([encoding])
    assert encoded.encoding == encoding.as_stored()
    assert list(encoded.pieces) == [b"as stored"]


def test_a_failure_behind_what_is_held_comes_where_it_stands(encoding: Encoding) -> None:
    (encoded,) = EncodeInstances(Retrieve(), Transcode(200, 100))([encoding])  # type: ignore[arg-type]
    with pytest.raises(Rejected):
        list(encoded.pieces)
