"""Where the pixels of an instance lie in its file; PS3.5 Section 8 and Annex A.4."""

import json
import zlib
from dataclasses import astuple, dataclass
from itertools import accumulate, pairwise

from pydicom.uid import ExplicitVRBigEndian

from imaging.dicom.pixel_description import PixelDescription
from imaging.dicom.transfer_syntaxes import is_deflated

_FORMAT = 1


@dataclass(frozen=True)
class PixelLayout:
    """Where each frame lies.

    Attributes
    ----------
    vr
        Of the element that holds the pixels.
    first_byte
        Of its value, from the start of the file; of a deflated data set, from
        its start when inflated. An encapsulated value begins with the item of
        its Basic Offset Table.
    size_bytes
        Of its value; with the Sequence Delimitation Item where it is encapsulated.
    frame_bits
        How long a native frame is: they lie one after the other. 0: cannot be told.
    frame_offsets
        Where the first item of each encapsulated frame begins, and behind them
        where the last frame ends. Empty: cannot be told.
    """

    description: PixelDescription
    vr: str
    first_byte: int
    size_bytes: int
    is_encapsulated: bool
    frame_bits: int = 0
    frame_offsets: tuple[int, ...] = ()

    @property
    def end(self) -> int:
        """The first byte behind the value."""
        return self.first_byte + self.size_bytes

    @property
    def has_frames(self) -> bool:
        """Whether it is known where frames lie."""
        return bool(self.frame_bits or self.frame_offsets)

    @property
    def is_deflated(self) -> bool:
        """Whether the offsets are those of the inflated data set."""
        return is_deflated(self.description.transfer_syntax_uid)

    @property
    def has_swapped_bytes(self) -> bool:
        """Whether samples of a byte stand in big-endian words of two, PS3.5 Section 7.3 and Annex D."""
        is_big_endian = self.description.transfer_syntax_uid == ExplicitVRBigEndian
        return is_big_endian and self.vr == "OW" and self.description.bits_allocated <= 8

    def lacks_frames(self, file_bytes: int) -> bool:
        """Whether more than a frame is missing of those that the description counts, in a file of so many bytes.

        Encapsulated frames are all there or none of them is known.
        """
        value_bytes = self.size_bytes if self.is_deflated else min(self.size_bytes, file_bytes - self.first_byte)
        return (self.description.number_of_frames - 1) * self.frame_bits > 8 * value_bytes

    def frame_range(self, number: int) -> tuple[int, int]:
        """The first byte that a frame is in, and the first behind it; `number` counts from 1."""
        if self.is_encapsulated:
            return self.frame_offsets[number - 1], self.frame_offsets[number]
        first = (number - 1) * self.frame_bits // 8
        end = -(-number * self.frame_bits // 8)
        if self.has_swapped_bytes:
            first, end = first - first % 2, end + end % 2
        return self.first_byte + first, self.first_byte + end

    def packed(self) -> bytes:
        """As it is stored; `unpacked` reads it back."""
        steps = [later - earlier for earlier, later in pairwise((self.first_byte, *self.frame_offsets))]
        content = [
            _FORMAT,
            *astuple(self.description),
            *(self.vr, self.first_byte, self.size_bytes, int(self.is_encapsulated), self.frame_bits),
            steps,
        ]
        return zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 9)

    @classmethod
    def unpacked(cls, packed: bytes) -> "PixelLayout":
        """Read `packed` back."""
        _, *description, vr, first_byte, size_bytes, is_encapsulated, frame_bits, steps = json.loads(
            zlib.decompress(packed)
        )
        offsets = tuple(accumulate(steps, initial=first_byte))[1:]
        return cls(
            PixelDescription(*description), vr, first_byte, size_bytes, bool(is_encapsulated), frame_bits, offsets
        )
