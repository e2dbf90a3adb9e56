"""What a compressed frame says of itself; ITU-T T.81, T.87, T.800 and T.814, PS3.5 Section 8.2."""

from dataclasses import dataclass
from struct import unpack

from imaging.dicom.file_range import FileRange

RLE_LOSSLESS = "1.2.840.10008.1.2.5"

_JPEG = "1.2.840.10008.1.2.4."
_MAX_SEGMENTS = 1000  # before the first scan or tile; real ones have some ten
_MAX_BOXES = 1000

_JPEG_START = b"\xff\xd8\xff"
_JPEG_2000_START = b"\xff\x4f\xff\x51"
_JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"

_START_OF_SCAN = 0xDA
_START_OF_JPEG_LS = 0xF7
_START_OF_LOSSLESS = 0xC3
# By the marker that starts the frame, the transfer syntax that says most of it first: PS3.5 Section 8.2.1
_BY_START_OF_FRAME = {
    0xC0: (_JPEG + "50", _JPEG + "51"),
    0xC1: (_JPEG + "51",),
    0xC2: (_JPEG + "55",),
}
_CAPABILITIES = 0x50
_CODING_STYLE_DEFAULT = 0x52
_START_OF_TILE = 0x90


@dataclass(frozen=True)
class _Segment:
    marker: int
    content: bytes


def bare_codestream(frame: FileRange) -> FileRange:
    """The codestream of a JPEG 2000 file, whose boxes DICOM leaves out (PS3.5 Section A.4.4); else the frame itself."""
    if frame.read(0, len(_JP2_SIGNATURE)) != _JP2_SIGNATURE:
        return frame
    position = 0
    for _ in range(_MAX_BOXES):
        header = frame.read(position, 16)
        if len(header) < 8:
            break
        length, kind = unpack(">L4s", header[:8])
        header_bytes = 8
        if length == 1 and len(header) == 16:
            length, header_bytes = unpack(">Q", header[8:])[0], 16
        elif length == 0:
            length = frame.size_bytes - position
        if kind == b"jp2c":
            return frame.within(position + header_bytes, max(length - header_bytes, 0))
        if length < header_bytes:
            break
        position += length
    return frame


def transfer_syntaxes_of(frame: FileRange) -> tuple[str, ...]:
    """The transfer syntaxes that the codestream can be of, the one that says most of it first.

    Returns
    -------
    tuple of str
        Empty if it is nothing that is known here: videos are not.
    """
    start = frame.read(0, 64)
    if start.startswith(_JPEG_START):
        return _of_jpeg(frame)
    if start.startswith(_JPEG_2000_START):
        return _of_jpeg_2000(frame)
    return (RLE_LOSSLESS,) if _is_rle(start) else ()


def _of_jpeg(frame: FileRange) -> tuple[str, ...]:
    start_of_frame = 0
    for segment in _segments(frame):
        if segment.marker in _BY_START_OF_FRAME:
            return _BY_START_OF_FRAME[segment.marker]
        if segment.marker in {_START_OF_LOSSLESS, _START_OF_JPEG_LS}:
            start_of_frame = segment.marker
        if segment.marker == _START_OF_SCAN and segment.content:
            # Ss, the predictor of lossless JPEG and NEAR of JPEG-LS, follows two bytes for each component
            parameter = segment.content[1 + 2 * segment.content[0] :][:1]
            if start_of_frame == _START_OF_LOSSLESS:
                return (_JPEG + "70", _JPEG + "57") if parameter == b"\1" else (_JPEG + "57",)
            if start_of_frame == _START_OF_JPEG_LS:
                return (_JPEG + "80", _JPEG + "81") if parameter == b"\0" else (_JPEG + "81",)
    return ()


def _of_jpeg_2000(frame: FileRange) -> tuple[str, ...]:
    is_high_throughput = False
    for segment in _segments(frame):
        is_high_throughput |= segment.marker == _CAPABILITIES  # T.814: only then is it there
        if segment.marker == _CODING_STYLE_DEFAULT:
            is_reversible = segment.content[9:10] == b"\1"  # the transformation, T.800 Table A.20
            if is_high_throughput:
                return tuple(_JPEG + last for last in (("201", "202", "203") if is_reversible else ("203",)))
            return tuple(_JPEG + last for last in (("90", "91", "92", "93") if is_reversible else ("91", "93")))
    return ()


def _segments(frame: FileRange) -> list[_Segment]:
    """The marker segments up to the first scan or tile."""
    segments: list[_Segment] = []
    position = 2
    for _ in range(_MAX_SEGMENTS):
        header = frame.read(position, 4)
        if len(header) < 4 or header[0] != 0xFF:
            break
        if header[1] == 0xFF:  # a fill byte
            position += 1
            continue
        marker, length = header[1], unpack(">H", header[2:])[0]
        if length < 2:
            break
        segments.append(_Segment(marker, frame.read(position + 4, min(length - 2, 64))))
        if marker in {_START_OF_SCAN, _START_OF_TILE}:
            break
        position += 2 + length
    return segments


def _is_rle(start: bytes) -> bool:
    """Whether it starts with an RLE Header: PS3.5 Section G.5."""
    if len(start) < 64:
        return False
    segments, *offsets = unpack("<16L", start)
    return 1 <= segments <= 15 and offsets[0] == 64 and not any(offsets[segments:])
