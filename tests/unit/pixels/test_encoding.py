"""What is encoded comes back the same, bit by bit."""

from dataclasses import replace

import numpy as np
import pytest
from pydicom.uid import JPEG2000, JPEG2000Lossless, JPEGLSLossless, RLELossless

from imaging.pixels.decoding import decoded
from imaging.pixels.encoding import NotEncodable, encoded
from imaging.ports.pixels import Frame
from tests.unit.pixels.pictures import frame_of

SOME = np.random.default_rng(4)
KINDS = {
    "8 bits": frame_of(SOME.integers(0, 256, (40, 64)).astype("u1")),
    "12 bits of 16": frame_of(SOME.integers(0, 4096, (40, 64)).astype("<u2"), bits_stored=12),
    "8 bits of 16": frame_of(SOME.integers(0, 256, (40, 64)).astype("<u2"), bits_stored=8),
    "16 bits, signed": frame_of(SOME.integers(-32768, 32768, (40, 64)).astype("<i2")),
    "12 bits of 16, signed": frame_of(SOME.integers(-2048, 2048, (40, 64)).astype("<i2"), bits_stored=12),
    "RGB": frame_of(SOME.integers(0, 256, (40, 64, 3)).astype("u1"), "RGB"),
    "RGB of 16 bits": frame_of(SOME.integers(0, 65536, (40, 64, 3)).astype("<u2"), "RGB"),
    "palette": frame_of(SOME.integers(0, 256, (40, 64)).astype("u1"), "PALETTE COLOR"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_comes_back_bit_by_bit(kind: str, syntax: str) -> None:
    frame = KINDS[kind]
    made = encoded(frame, syntax)
    assert made.description.transfer_syntax_uid == syntax
    assert decoded(made) == frame


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_planes_are_made_one(syntax: str) -> None:
    values = SOME.integers(0, 256, (40, 64, 3)).astype("u1")
    by_pixel = frame_of(values, "RGB")
    by_plane = Frame(values.transpose(2, 0, 1).tobytes(), replace(by_pixel.description, planar_configuration=1))
    assert decoded(encoded(by_plane, syntax)) == by_pixel


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_big_endian_values_are_understood(syntax: str) -> None:
    values = SOME.integers(-500, 500, (40, 64)).astype("<i2")
    little = frame_of(values)
    big = Frame(values.astype(">i2").tobytes(), replace(little.description, transfer_syntax_uid="1.2.840.10008.1.2.2"))
    assert decoded(encoded(big, syntax)) == little


def test_rle_keeps_what_stands_beside_the_stored_bits() -> None:
    overlaid = frame_of(SOME.integers(0, 65536, (40, 64)).astype("<u2"), bits_stored=12)
    again = encoded(overlaid, RLELossless)
    whole = Frame(again.content, replace(again.description, bits_stored=16))
    assert decoded(whole).content == overlaid.content


def test_jpeg_2000_would_lose_what_stands_beside_the_stored_bits() -> None:
    with pytest.raises(NotEncodable):
        encoded(frame_of(np.full((40, 64), 0x8FFF, "<u2"), bits_stored=12), JPEG2000Lossless)


@pytest.mark.parametrize(
    ("frame", "syntax"),
    [
        (KINDS["8 bits"], JPEGLSLossless),
        (KINDS["8 bits"], JPEG2000),  # it loses
        (frame_of(np.zeros((40, 64), "<u4")), RLELossless),  # PS3.5 Table 8.2.2-1
        (frame_of(np.zeros((40, 64), "<u4")), JPEG2000Lossless),
        (frame_of(np.zeros((8, 8), "u1")), JPEG2000Lossless),  # the encoder's decompositions need more
        (replace(KINDS["8 bits"], description=replace(KINDS["8 bits"].description, tag="7FE00008")), RLELossless),
        (replace(KINDS["8 bits"], description=replace(KINDS["8 bits"].description, bits_allocated=1)), RLELossless),
    ],
)
def test_refuses_what_the_transfer_syntax_has_no_room_for(frame: Frame, syntax: str) -> None:
    with pytest.raises(NotEncodable):
        encoded(frame, syntax)
