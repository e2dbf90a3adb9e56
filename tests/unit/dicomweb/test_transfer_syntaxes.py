import pytest
from pydicom.uid import (
    MPEG2MPML,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from imaging.dicomweb.transfer_syntaxes import frame_media_type, selected

EVERYTHING = frozenset({ExplicitVRLittleEndian, RLELossless, JPEG2000Lossless})


@pytest.mark.parametrize(
    ("wanted", "stored", "makeable", "sent"),
    [
        ([""], ExplicitVRLittleEndian, EVERYTHING, ExplicitVRLittleEndian),
        ([""], JPEG2000Lossless, EVERYTHING, ExplicitVRLittleEndian),
        ([""], MPEG2MPML, frozenset(), MPEG2MPML),
        (["*"], JPEG2000Lossless, EVERYTHING, JPEG2000Lossless),
        ([RLELossless], JPEG2000Lossless, EVERYTHING, RLELossless),
        ([JPEG2000Lossless], JPEG2000Lossless, EVERYTHING, JPEG2000Lossless),
        ([ExplicitVRLittleEndian, JPEG2000Lossless], JPEG2000Lossless, EVERYTHING, JPEG2000Lossless),
        ([JPEGBaseline8Bit, RLELossless], JPEG2000Lossless, EVERYTHING, RLELossless),
        ([JPEGBaseline8Bit, ""], JPEG2000Lossless, EVERYTHING, ExplicitVRLittleEndian),
        ([JPEGBaseline8Bit], JPEG2000Lossless, EVERYTHING, None),
        ([ExplicitVRLittleEndian], MPEG2MPML, frozenset(), None),
    ],
)
def test_sends_what_can_be_read_and_made(
    wanted: list[str], stored: str, makeable: frozenset[str], sent: str | None
) -> None:
    assert selected(wanted, stored, lambda: makeable) == sent


@pytest.mark.parametrize(
    ("transfer_syntax_uid", "media_type"),
    [
        (JPEGBaseline8Bit, "image/jpeg"),
        (JPEGLSLossless, "image/jls"),
        (JPEG2000Lossless, "image/jp2"),
        (HTJ2KLossless, "image/jphc"),
        (RLELossless, "image/dicom-rle"),
        (MPEG2MPML, "video/mpeg"),
        (ExplicitVRLittleEndian, None),
    ],
)
def test_frames_have_the_media_type_of_their_transfer_syntax(transfer_syntax_uid: str, media_type: str | None) -> None:
    assert frame_media_type(transfer_syntax_uid) == media_type


def test_what_goes_as_it_is_stored_is_not_looked_at() -> None:
    def never() -> frozenset[str]:
        raise AssertionError

    assert selected(["*"], JPEG2000Lossless, never) == JPEG2000Lossless
    assert selected([""], ExplicitVRLittleEndian, never) == ExplicitVRLittleEndian
