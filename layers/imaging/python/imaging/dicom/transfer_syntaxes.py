"""What the transfer syntaxes do to pixels; PS3.5 Section 10 and Annex A."""

from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

NATIVE = frozenset(
    map(str, (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian))
)
"""Frames are not compressed."""

DECODABLE = frozenset(
    map(
        str,
        (
            RLELossless,
            JPEGBaseline8Bit,
            JPEGExtended12Bit,
            JPEGLossless,
            JPEGLosslessSV1,
            JPEGLSLossless,
            JPEGLSNearLossless,
            JPEG2000Lossless,
            JPEG2000,
            HTJ2KLossless,
            HTJ2KLosslessRPCL,
            HTJ2K,
        ),
    )
)
"""Frames are compressed, and a worker can decode them."""

ENCODABLE = frozenset(map(str, (RLELossless, JPEG2000Lossless)))
"""A worker can make them of native frames."""

_VIDEO = tuple(f"1.2.840.10008.1.2.4.10{last}" for last in range(9))


def is_video(transfer_syntax_uid: str) -> bool:
    """Whether all frames are one stream, MPEG2 to HEVC, the fragmentable ones (.1) included."""
    return transfer_syntax_uid.removesuffix(".1") in _VIDEO


def is_implicit_vr(transfer_syntax_uid: str) -> bool:
    """Whether elements come without their VRs."""
    return transfer_syntax_uid == ImplicitVRLittleEndian


def is_deflated(transfer_syntax_uid: str) -> bool:
    """Whether the data set lies in one deflated stream."""
    return transfer_syntax_uid == DeflatedExplicitVRLittleEndian
