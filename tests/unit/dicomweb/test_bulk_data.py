"""The transfer syntaxes of bulk data, PS3.18 Table 8.7.3-5."""

import pytest
from pydicom.encaps import generate_frames

from imaging.dicomweb.multipart import Part
from imaging.errors import RejectReason
from tests.unit.dicomweb.metadata_parts import (
    INSTANCE,
    PIXEL_DATA_ELSEWHERE,
    bulk_part,
    json_part,
    octets,
    only_file,
    only_refusal,
    real,
    split,
)

SYNTAX = "1.2.840.10008.1.2.4."


@pytest.mark.parametrize(
    ("name", "media_type", "expected"),
    [
        ("SC_rgb_jpeg_dcmtk.dcm", "image/jpeg", "50"),
        ("JPEG-lossy.dcm", "image/jpeg", "51"),
        ("SC_rgb_jpeg_gdcm.dcm", "image/jpeg", "70"),
        ("MR_small_jpeg_ls_lossless.dcm", "image/jls", "80"),
        ("JPEGLSNearLossless_16.dcm", "image/jls", "81"),
        ("JPEGLSNearLossless_16.dcm", "image/x-jls", "81"),
        ("MR_small_jp2klossless.dcm", "image/jp2", "90"),
        ("JPEG2000.dcm", "image/jp2", "91"),
        ("MR_small_jp2klossless.dcm", "image/jpx", "92"),
        ("JPEG2000.dcm", "image/jpx", "93"),
        ("MR_small_RLE.dcm", "image/dicom-rle", "1.2.840.10008.1.2.5"),
        ("MR_small_RLE.dcm", "image/x-dicom-rle", "1.2.840.10008.1.2.5"),
        ("examples_ybr_color.dcm", "image/jpeg", "50"),
        ("SC_rgb_rle_2frame.dcm", "image/dicom-rle", "1.2.840.10008.1.2.5"),
        # what the frames are decides against their media type
        ("MR_small_jp2klossless.dcm", "image/jpeg", "90"),
    ],
)
@pytest.mark.parametrize("location", ["{uri}", "{uri}/frames/{number}"])
def test_real_frames_are_encapsulated_in_the_transfer_syntax_they_show(
    name: str, media_type: str, expected: str, location: str
) -> None:
    ds = real(name)
    frames = list(generate_frames(ds.PixelData, number_of_frames=int(ds.get("NumberOfFrames", 1))))
    metadata, elsewhere = split(ds)
    uri = metadata.setdefault("7FE00010", {"vr": "OB"}).setdefault("BulkDataURI", "http://x/frames")
    metadata["7FE00010"].pop("InlineBinary", None)
    if media_type == "image/jpx":  # one codestream for all frames
        location = "{uri}"
    parts = [
        bulk_part(frame, location.format(uri=uri, number=number), media_type) for number, frame in enumerate(frames, 1)
    ]
    elsewhere.pop(uri, None)
    again = only_file(json_part(metadata), *octets(elsewhere), *parts)
    assert again.file_meta.TransferSyntaxUID == (expected if expected.startswith("1.") else SYNTAX + expected)
    assert list(generate_frames(again.PixelData, number_of_frames=len(frames))) == frames


@pytest.mark.parametrize(
    ("media_type", "syntax", "expected"),
    [
        ("image/jpeg", "", "70"),
        ("image/jpeg", SYNTAX + "50", "50"),
        ("image/jls", "", "80"),
        ("image/jp2", "", "90"),
        ("image/jpx", "", "92"),
        ("image/jphc", "", "203"),
        ("image/jph", SYNTAX + "201", "201"),
        ("image/jxl", SYNTAX + "110", "110"),
        ("video/mpeg2", "", "100"),
        ("video/mpeg2", SYNTAX + "101", "101"),
        ("video/mp4", "", "102"),
        ("video/mp4", SYNTAX + "104.1", "104.1"),
        ("video/h265", "", "107"),
        ("application/octet-stream", SYNTAX + "80", "80"),
        ("application/octet-stream", SYNTAX + "102", "102"),
    ],
)
def test_frames_that_show_nothing_have_the_transfer_syntax_of_their_media_type(
    media_type: str, syntax: str, expected: str
) -> None:
    again = only_file(
        json_part(INSTANCE | PIXEL_DATA_ELSEWHERE), bulk_part(b"compressed", media_type=media_type, syntax=syntax)
    )
    assert again.file_meta.TransferSyntaxUID == SYNTAX + expected
    assert next(generate_frames(again.PixelData, number_of_frames=1)) == b"compressed"


@pytest.mark.parametrize("tag", ["00020010", "00083002"])
def test_the_transfer_syntax_of_the_metadata_decides_where_the_media_type_leaves_a_choice(tag: str) -> None:
    declared = {tag: {"vr": "UI", "Value": [SYNTAX + "103"]}}
    again = only_file(json_part(INSTANCE | PIXEL_DATA_ELSEWHERE | declared), bulk_part(b"x", media_type="video/mp4"))
    assert again.file_meta.TransferSyntaxUID == SYNTAX + "103"


@pytest.mark.parametrize(
    ("declared", "part"),
    [
        (SYNTAX + "50", bulk_part(b"native")),
        (SYNTAX + "50", bulk_part(b"j2k", media_type="image/jp2")),
        (SYNTAX + "50", bulk_part(b"jpeg", media_type="image/jpeg", syntax=SYNTAX + "51")),
        ("1.2.840.10008.1.2.1", bulk_part(b"jpeg", media_type="image/jpeg")),
        ("", bulk_part(b"j2k", media_type="image/jp2", syntax=SYNTAX + "50")),
        ("", bulk_part(b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\2\0\0\0ab")),
    ],
)
def test_transfer_syntaxes_that_contradict_each_other_are_refused(declared: str, part: Part) -> None:
    declaration = {"00020010": {"vr": "UI", "Value": [declared]}} if declared else {}
    rejected = only_refusal(json_part(INSTANCE | PIXEL_DATA_ELSEWHERE | declaration), part)
    assert rejected.reason is RejectReason.NOT_DICOM
    assert "transfer syntax" in str(rejected)
    assert (rejected.sop_class_uid, rejected.sop_instance_uid) == ("1.2.840.10008.5.1.4.1.1.2", "1.2.3")


def test_octets_that_are_frames_of_the_transfer_syntax_of_the_metadata_are_encapsulated() -> None:
    ds = real("SC_rgb_rle_2frame.dcm")
    frames = list(generate_frames(ds.PixelData, number_of_frames=2))
    declared = {"00083002": {"vr": "UI", "Value": ["1.2.840.10008.1.2.5"]}, "00280008": {"vr": "IS", "Value": [2]}}
    again = only_file(json_part(INSTANCE | PIXEL_DATA_ELSEWHERE | declared), *map(bulk_part, frames))
    assert again.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.5"
    assert list(generate_frames(again.PixelData, number_of_frames=2)) == frames


def test_pixel_data_may_be_encapsulated_and_inline() -> None:
    ds = real("JPEG2000.dcm")
    again = only_file(json_part(ds.to_json_dict(bulk_data_threshold=1 << 30)))
    assert again.file_meta.TransferSyntaxUID == SYNTAX + "91"
    assert again.PixelData == ds.PixelData


def test_a_video_is_one_stream_however_many_frames() -> None:
    frames = {"00280008": {"vr": "IS", "Value": [2500]}}
    again = only_file(json_part(INSTANCE | PIXEL_DATA_ELSEWHERE | frames), bulk_part(b"stream", media_type="video/mp4"))
    assert again.PixelData == b"\xfe\xff\0\xe0\0\0\0\0\xfe\xff\0\xe0\6\0\0\0stream"


def test_an_icon_may_be_compressed_too() -> None:
    icon = {"7FE00010": {"vr": "OB", "BulkDataURI": "icon"}}
    metadata = INSTANCE | PIXEL_DATA_ELSEWHERE | {"00880200": {"vr": "SQ", "Value": [icon]}}
    parts = bulk_part(b"image!", media_type="image/jls"), bulk_part(b"icon", "icon", "image/jls")
    again = only_file(json_part(metadata), *parts)
    assert next(generate_frames(again.IconImageSequence[0].PixelData, number_of_frames=1)) == b"icon"
    native = only_file(json_part(metadata), parts_again := bulk_part(b"image!"), bulk_part(b"icon", "icon"))
    assert (native.PixelData, native.IconImageSequence[0].PixelData) == (b"image!", b"icon")
    assert parts_again.content.closed
    mixed = only_refusal(
        json_part(metadata),
        bulk_part(b"image!", media_type="image/jls"),
        bulk_part(b"icon", "icon", "image/jpeg"),
    )
    assert mixed.reason is RejectReason.NOT_DICOM
