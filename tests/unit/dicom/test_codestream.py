"""What compressed frames say of themselves; PS3.5 Section 8.2."""

import io
from struct import pack

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.encaps import generate_frames

from imaging.dicom.codestream import bare_codestream, transfer_syntaxes_of
from imaging.dicom.file_range import FileRange
from tests.unit.dicom.files import pydicom_file

JPEG = "1.2.840.10008.1.2.4."


def frame(content: bytes) -> FileRange:
    return FileRange.of(io.BytesIO(b"before" + content + b"after")).within(6, len(content))


def segment(marker: int, content: bytes) -> bytes:
    return pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpeg(start_of_frame: int, parameter: int = 0, before: bytes = segment(0xE0, b"JFIF\0")) -> bytes:
    scan = segment(0xDA, bytes([1, 1, 0, parameter, 0, 0]))
    return b"\xff\xd8" + before + b"\xff" + segment(start_of_frame, bytes(9)) + scan + b"\xff\xd9"


def jpeg_2000(*, reversible: bool, high_throughput: bool = False) -> bytes:
    capabilities = segment(0x50, bytes(6)) if high_throughput else b""
    coding_style = segment(0x52, bytes(9) + bytes([reversible]))
    return b"\xff\x4f" + segment(0x51, bytes(38)) + capabilities + coding_style + b"\xff\xd9"


def in_boxes(codestream: bytes, *, long: bool = False, to_the_end: bool = False) -> bytes:
    head = b"\x00\x00\x00\x0cjP  \r\n\x87\n" + pack(">L4s4s", 12, b"ftyp", b"jp2 ")
    if long:
        return head + pack(">L4sQ", 1, b"jp2c", 16 + len(codestream)) + codestream + b"more"
    return head + pack(">L4s", 0 if to_the_end else 8 + len(codestream), b"jp2c") + codestream


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("JPEG-lossy.dcm", "51"),
        ("SC_rgb_jpeg_dcmtk.dcm", "50"),
        ("SC_rgb_jpeg_gdcm.dcm", "70"),
        ("MR_small_jpeg_ls_lossless.dcm", "80"),
        ("JPEGLSNearLossless_16.dcm", "81"),
        ("JPEG2000.dcm", "91"),
        ("MR_small_jp2klossless.dcm", "90"),
        ("MR_small_RLE.dcm", "1.2.840.10008.1.2.5"),
    ],
)
def test_tells_the_transfer_syntax_of_real_frames(name: str, first: str) -> None:
    ds = pydicom.dcmread(io.BytesIO(pydicom_file(name)))
    content = next(generate_frames(ds.PixelData, number_of_frames=1))
    expected = first if first.startswith("1.") else JPEG + first
    assert ds.file_meta.TransferSyntaxUID == expected
    assert transfer_syntaxes_of(frame(content))[0] == expected


@pytest.mark.parametrize(
    ("content", "last"),
    [
        (jpeg(0xC0), ("50", "51")),
        (jpeg(0xC1), ("51",)),
        (jpeg(0xC2), ("55",)),
        (jpeg(0xC3, 1), ("70", "57")),
        (jpeg(0xC3, 6), ("57",)),
        (jpeg(0xF7, 0), ("80", "81")),
        (jpeg(0xF7, 3), ("81",)),
        (jpeg(0xC3, 1, before=segment(0xE2, bytes(65533)) * 3), ("70", "57")),
        (jpeg_2000(reversible=True), ("90", "91", "92", "93")),
        (jpeg_2000(reversible=False), ("91", "93")),
        (jpeg_2000(reversible=True, high_throughput=True), ("201", "202", "203")),
        (jpeg_2000(reversible=False, high_throughput=True), ("203",)),
        (jpeg(0xC9), ()),
        (jpeg(0xC0)[:12], ()),
        (b"\xff\xd8" + segment(0xE0, b"") * 2000 + jpeg(0xC0)[2:], ()),
        (b"", ()),
        (bytes(64), ()),
    ],
)
def test_tells_the_transfer_syntaxes_that_a_codestream_can_be_of(content: bytes, last: tuple[str, ...]) -> None:
    assert transfer_syntaxes_of(frame(content)) == tuple(JPEG + component for component in last)


@pytest.mark.parametrize("form", [{}, {"long": True}, {"to_the_end": True}])
def test_leaves_the_boxes_of_a_jpeg_2000_file_out(form: dict[str, bool]) -> None:
    codestream = jpeg_2000(reversible=True)
    bare = bare_codestream(frame(in_boxes(codestream, **form)))
    assert b"".join(bare.pieces()) == codestream


def test_keeps_a_frame_without_boxes_and_one_without_codestream() -> None:
    for content in (jpeg(0xC0), in_boxes(b"")[:24], in_boxes(b"")[:20] + bytes(20)):
        assert b"".join(bare_codestream(frame(content)).pieces()) == content


@given(st.sampled_from([b"", jpeg(0xC3), jpeg_2000(reversible=True), in_boxes(b"x")]), st.binary(), st.integers(0, 60))
def test_reads_any_bytes(content: bytes, random: bytes, kept: int) -> None:
    whole = frame(content[:kept] + random)
    assert isinstance(transfer_syntaxes_of(bare_codestream(whole)), tuple)
