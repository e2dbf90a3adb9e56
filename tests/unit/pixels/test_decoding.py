"""Decoded frames are what pydicom makes of its own files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.uid import HTJ2K, ExplicitVRLittleEndian, HTJ2KLossless, HTJ2KLosslessRPCL

from imaging.errors import Rejected
from imaging.pixels.decoding import decoded
from imaging.pixels.native import in_little_endian, is_native
from imaging.ports.pixels import Frame
from tests.unit.pixels.pictures import (
    FOLDER,
    description_of,
    first_frame,
    first_pixel_array,
    frame_of,
    image_files,
    ramp,
)

pytestmark = pytest.mark.filterwarnings("ignore")  # pydicom has something to say about many of its files


@pytest.mark.parametrize("name", image_files())
def test_is_what_pydicom_makes_of_the_first_frame(name: str) -> None:
    ds = dcmread(FOLDER / name)
    frame = first_frame(ds)
    made = in_little_endian(frame) if is_native(frame) else decoded(frame)
    assert made.description.transfer_syntax_uid == ExplicitVRLittleEndian
    if frame.description.bits_allocated == 1:
        bits = np.unpackbits(np.frombuffer(made.content, "u1"), bitorder="little")
        assert (bits == ds.pixel_array.ravel()).all()
        return
    if is_native(frame) and frame.description.bits_allocated == 8:  # planes and YBR stay what they are
        assert made.content == frame.content
        return
    expected = first_pixel_array(ds)
    assert made.content == expected.astype(expected.dtype.newbyteorder("<")).tobytes()


@pytest.mark.parametrize("name", image_files(lambda ds: ds.file_meta.TransferSyntaxUID.is_encapsulated))
def test_describes_the_frame_as_decompress_does(name: str) -> None:
    ds = dcmread(FOLDER / name)
    described = decoded(first_frame(ds)).description
    ds.decompress()
    assert described == description_of(ds)


Y, X = np.mgrid[0:40, 0:48]
GREY = ((X * 97 + Y * Y * 3) % 4096).astype("<u2")
COLOUR = np.stack([X * 5, Y * 6, (X + Y) * 2], axis=-1).astype("u1")


@pytest.mark.parametrize("syntax", [HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K])
@pytest.mark.parametrize(
    ("name", "picture", "photometric_interpretation", "error"),
    [
        ("grey_12_bits.jhc", GREY, "MONOCHROME2", 0),
        ("rgb.jhc", COLOUR, "YBR_RCT", 0),
        ("rgb_lossy.jhc", COLOUR, "YBR_ICT", 5),
    ],
)
def test_high_throughput_jpeg_2000_is_decoded(
    name: str, picture: NDArray[Any], photometric_interpretation: str, error: int, syntax: str
) -> None:
    content = (Path(__file__).parent / "htj2k" / name).read_bytes()  # of OpenJPH, in RPCL order
    description = replace(
        frame_of(picture).description,
        transfer_syntax_uid=str(syntax),
        photometric_interpretation=photometric_interpretation,
    )
    made = decoded(Frame(content, description))
    assert made.description.photometric_interpretation == ("RGB" if picture is COLOUR else "MONOCHROME2")
    values = np.frombuffer(made.content, picture.dtype).reshape(picture.shape)
    assert np.abs(values.astype(int) - picture).max() <= error


def test_big_endian_words_are_turned_round() -> None:
    values = ramp(-100, 155)
    little = frame_of(values)
    big = Frame(values.astype(">i2").tobytes(), replace(little.description, transfer_syntax_uid="1.2.840.10008.1.2.2"))
    assert in_little_endian(big) == little


def test_a_big_endian_frame_that_ends_inside_a_value_is_refused() -> None:
    whole = frame_of(ramp(0, 15))
    broken = Frame(whole.content[:-1], replace(whole.description, transfer_syntax_uid="1.2.840.10008.1.2.2"))
    with pytest.raises(Rejected, match="end inside a value"):
        in_little_endian(broken)
