"""Which transfer syntax goes out, PS3.18 Sections 8.7.3.4 and 8.7.8.2, and how its frames are named as media types."""

from collections.abc import Callable, Collection, Sequence

from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from imaging.dicomweb.media_types import ANY_TRANSFER_SYNTAX

_JPEG = "1.2.840.10008.1.2.4."
_MEDIA_TYPES = {  # PS3.18 Table 8.7.3-5
    "image/jpeg": ("50", "51", "57", "70"),
    "image/jls": ("80", "81"),
    "image/jp2": ("90", "91"),
    "image/jpx": ("92", "93"),
    "image/jphc": ("201", "202", "203"),
    "image/jxl": ("110", "111", "112"),
    "video/mpeg": ("100", "100.1", "101", "101.1"),
    "video/mp4": ("102", "102.1", "103", "103.1", "104", "104.1", "105", "105.1", "106", "106.1"),
    "video/H265": ("107", "108"),
}
_MEDIA_TYPE = {_JPEG + last: media_type for media_type, syntaxes in _MEDIA_TYPES.items() for last in syntaxes} | {
    str(RLELossless): "image/dicom-rle"
}
MADE_AS = {"image/jp2": str(JPEG2000Lossless), "image/dicom-rle": str(RLELossless)}
"""The transfer syntaxes in which frames of another one are made."""


def frame_media_type(transfer_syntax_uid: str) -> str | None:
    """The media type of a compressed frame; None where frames are uncompressed, or of a syntax without one."""
    return _MEDIA_TYPE.get(transfer_syntax_uid)


def selected(wanted: Sequence[str], stored: str, makeable: Callable[[], Collection[str]]) -> str | None:
    """The transfer syntax in which an instance is sent.

    Parameters
    ----------
    wanted
        What the client can read, best first; "" is the default, Explicit VR
        Little Endian, in place of which an instance that cannot be made in it
        is sent as it is stored.
    makeable
        Tells what it can be transcoded to; asked only if it has to be.

    Returns
    -------
    str or None
        `stored` wherever the client can read that and likes nothing better;
        None if nothing that it can read can be made.
    """
    for syntax in wanted:
        made = syntax or str(ExplicitVRLittleEndian)
        if syntax == ANY_TRANSFER_SYNTAX or made == stored:
            return stored
        if made in makeable():
            # Equally liked ones have lost their order: what needs no decoder is as good.
            return stored if stored in wanted else made
        if not syntax:
            return stored
    return None
