"""How the pixels of a frame are laid out; PS3.3 Section C.7.6.3, the Image Pixel Module."""

from dataclasses import dataclass

PIXEL_DATA = "7FE00010"
FLOAT_PIXEL_DATA = "7FE00008"
DOUBLE_FLOAT_PIXEL_DATA = "7FE00009"


@dataclass(frozen=True)
class PixelDescription:
    """What it takes to read a frame.

    Attributes
    ----------
    transfer_syntax_uid
        Of the bytes of a frame.
    pixel_representation
        0: unsigned, 1: signed.
    tag
        The attribute that holds the pixels: `PIXEL_DATA`, or one of the two of floating point numbers.
    """

    transfer_syntax_uid: str
    rows: int
    columns: int
    samples_per_pixel: int
    photometric_interpretation: str
    bits_allocated: int
    bits_stored: int
    pixel_representation: int
    planar_configuration: int
    number_of_frames: int
    tag: str = PIXEL_DATA

    @property
    def frame_bytes(self) -> int:
        """How long a frame is uncompressed, each sample in whole bytes."""
        return self.rows * self.columns * self.samples_per_pixel * -(-self.bits_allocated // 8)
