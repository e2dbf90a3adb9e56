"""What the parts with bulk data say of the transfer syntax; PS3.18 Section 8.7.3.3 and Table 8.7.3-5."""

from collections.abc import Sequence
from dataclasses import dataclass

from imaging.dicom.codestream import bare_codestream, transfer_syntaxes_of
from imaging.dicom.encapsulation import BulkValue, Encapsulation, find_fragments
from imaging.dicom.file_range import FileRange
from imaging.errors import Rejected, RejectReason

EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
OCTET_STREAM = "application/octet-stream"

_COMPRESSED = "1.2.840.10008.1.2.4."


def _family(*last: str) -> tuple[str, ...]:
    return tuple(_COMPRESSED + component for component in last)


_JPEG = _family("70", "50", "51", "57", "52", "53", "54", "55", "56", "58", *map(str, range(59, 67)))
_JPEG_LS = _family("80", "81")
_RLE = ("1.2.840.10008.1.2.5",)
_HTJ2K = _family("203", "201", "202")
_MPEG2 = _family("100", "100.1", "101", "101.1")

# The default first; the others may be named by the part or by the metadata.
_FAMILIES: dict[str, tuple[str, ...]] = {
    "image/jpeg": _JPEG,
    "image/dicom-rle": _RLE,
    "image/jls": _JPEG_LS,
    "image/jp2": _family("90", "91"),
    "image/jpx": _family("92", "93"),
    "image/jphc": _HTJ2K,
    "image/jph": _HTJ2K,
    "image/jxl": _family("112", "110", "111"),
    "video/mpeg2": _MPEG2,
    "video/mpeg": _MPEG2,
    "video/mp4": _family(*(f"{level}{cut}" for level in range(102, 107) for cut in ("", ".1"))),
    "video/h265": _family("107", "108"),
    # as earlier editions of PS3.18 had them
    "image/x-dicom-rle": _RLE,
    "image/x-jls": _JPEG_LS,
    "image/jpeg-ls": _JPEG_LS,
}
_OCTETS = {OCTET_STREAM, ""}
# All of them are written as Explicit VR Little Endian, which has the same values.
_NATIVE = {"", "1.2.840.10008.1.2", EXPLICIT_VR_LITTLE_ENDIAN, "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"}
_MULTI_COMPONENT = set(_FAMILIES["image/jpx"])  # one codestream can hold all frames


@dataclass(frozen=True)
class BulkPart:
    """One part with bulk data.

    Attributes
    ----------
    transfer_syntax_uid
        As its Content-Type names it; empty if it does not.
    """

    content: FileRange
    media_type: str
    transfer_syntax_uid: str = ""

    def holds_all_frames(self, declared: str) -> bool:
        """Whether it is all of the Pixel Data, however many frames there are.

        Parameters
        ----------
        declared
            The transfer syntax that the metadata names; empty if it names none.
        """
        if self.media_type in _FAMILIES:
            return self.media_type.startswith("video/") or self.media_type == "image/jpx"
        compressed = compressed_syntax(self.transfer_syntax_uid or declared)
        if not compressed or _is_video(compressed) or compressed in _MULTI_COMPONENT:
            return True
        return self.content.read(0, 4) == b"\xfe\xff\x00\xe0" and find_fragments(self.content) is not None


def compressed_syntax(transfer_syntax_uid: str) -> str:
    """The transfer syntax if Pixel Data is compressed in it; else empty."""
    return "" if transfer_syntax_uid in _NATIVE else transfer_syntax_uid


def is_compressed_type(media_type: str) -> bool:
    """Whether parts of this media type are compressed frames."""
    return media_type in _FAMILIES


def _is_video(transfer_syntax_uid: str) -> bool:
    return any(transfer_syntax_uid in family for name, family in _FAMILIES.items() if name.startswith("video/"))


def pixel_data(parts: Sequence[BulkPart], declared: str) -> tuple[BulkValue, str]:
    """Make the value of Pixel Data, and tell its transfer syntax.

    The codestream decides where the media type leaves a choice. What the part
    names, or else the metadata, has to agree with it.

    Parameters
    ----------
    parts
        All of the frames, in order.
    declared
        The transfer syntax that the metadata names; empty if it names none.

    Raises
    ------
    Rejected
        `NOT_DICOM` if they contradict each other.
    """
    named = {part.transfer_syntax_uid for part in parts if part.transfer_syntax_uid}
    if len(named) > 1:
        raise _contradiction("the parts of its Pixel Data name different transfer syntaxes")
    expected = next(iter(named), declared)
    if named and declared and compressed_syntax(expected) != compressed_syntax(declared):
        raise _contradiction("the parts of its Pixel Data name another transfer syntax than the metadata")
    if any(part.media_type not in _FAMILIES and part.media_type not in _OCTETS for part in parts):
        raise _contradiction("a part of its Pixel Data is neither an image, a video nor application/octet-stream")
    kinds = {part.media_type in _FAMILIES for part in parts}
    if len(kinds) > 1:
        raise _contradiction("some parts of its Pixel Data are compressed and some are not")
    if True in kinds:
        return _of_media_type(parts, expected)
    return _of_octets(parts, expected, is_named=bool(named))


def _of_media_type(parts: Sequence[BulkPart], expected: str) -> tuple[BulkValue, str]:
    is_stream = parts[0].media_type.startswith("video/")
    frames = tuple(bare_codestream(part.content) for part in parts)
    possible = [_possible(part.media_type, frame) for part, frame in zip(parts, frames, strict=True)]
    encapsulation = Encapsulation.STREAM if is_stream else Encapsulation.FRAMES
    return BulkValue(frames, encapsulation), _agreed(possible, expected)


def _possible(media_type: str, frame: FileRange) -> tuple[str, ...]:
    """What a frame can be, the likeliest first; a codestream that is known decides against its media type."""
    family = _FAMILIES.get(media_type, ())
    found = transfer_syntaxes_of(frame)
    return tuple(uid for uid in found if uid in family) or found or family


def _agreed(possible: Sequence[tuple[str, ...]], expected: str) -> str:
    """The transfer syntax that all frames can be of."""
    common = [uid for uid in possible[0] if all(uid in others for others in possible)]
    if expected:
        common = [uid for uid in common if uid == expected]
    if not common:
        raise _contradiction(
            "its frames are not of the transfer syntax that is named"
            if expected
            else "its frames are of different transfer syntaxes"
        )
    return common[0]


def _of_octets(parts: Sequence[BulkPart], expected: str, *, is_named: bool) -> tuple[BulkValue, str]:
    """Octets are native values (Table 8.7.3-4), unless they are named or recognised to be compressed."""
    expected = compressed_syntax(expected)
    fragments = find_fragments(parts[0].content) if len(parts) == 1 else None
    if fragments:
        return _as_fragments(parts[0].content, fragments, expected)
    if not expected:
        return BulkValue(tuple(part.content for part in parts)), EXPLICIT_VR_LITTLE_ENDIAN
    frames = tuple(bare_codestream(part.content) for part in parts)
    possible = [transfer_syntaxes_of(frame) or ((expected,) if is_named else ()) for frame in frames]
    is_stream = _is_video(expected)
    return BulkValue(frames, Encapsulation.STREAM if is_stream else Encapsulation.FRAMES), _agreed(possible, expected)


def _as_fragments(content: FileRange, fragments: Sequence[FileRange], expected: str) -> tuple[BulkValue, str]:
    """An encapsulated value as it is in a file: whoever copies it there sends it so."""
    found = transfer_syntaxes_of(fragments[1]) if len(fragments) > 1 else ()
    transfer_syntax_uid = _agreed([found or (expected,)], expected)
    if not transfer_syntax_uid:
        raise _contradiction("its Pixel Data is encapsulated and no transfer syntax is named")
    end = fragments[-1].start + fragments[-1].size_bytes
    whole = FileRange(content.file, content.start, end - content.start)
    return BulkValue((whole,), Encapsulation.FRAGMENTS), transfer_syntax_uid


def _contradiction(what: str) -> Rejected:
    return Rejected(RejectReason.NOT_DICOM, f"The transfer syntax of the instance cannot be told: {what}.")
