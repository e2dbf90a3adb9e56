import zlib
from collections.abc import Callable

import pytest

from imaging.dicom.header import BytesSource, read_header
from imaging.dicom.pixel_data import check_pixel_data
from imaging.errors import Rejected, RejectReason
from tests.unit.dicom.files import (
    DEFLATED,
    IMPLICIT_VR_LITTLE_ENDIAN,
    JPEG_BASELINE,
    UNDEFINED,
    RecordingSource,
    element,
    identifiers,
    item,
    part10,
    pydicom_file,
)

FIRST, THEN = identifiers()
DELIMITER = item(b"")[:2] + b"\xdd\xe0" + bytes(4)


def check(content: bytes) -> None:
    source = BytesSource(content)
    check_pixel_data(source, read_header(source, keep_sequences=False))


def encapsulated(*fragments: bytes) -> bytes:
    pixel_data = element(0x7FE00010, "OB", b"".join(map(item, (b"", *fragments))), length=UNDEFINED)
    return part10(FIRST + THEN + pixel_data + DELIMITER, JPEG_BASELINE)


def native(transfer_syntax_uid: str) -> bytes:
    implicit = transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN
    tags = ((0x00080016, "1.2"), (0x00080018, "1.2.3"), (0x0020000D, "1.2.1"), (0x0020000E, "1.2.2"))
    data_set = b"".join(element(tag, "UI", uid, implicit=implicit) for tag, uid in tags)
    # of a length that in implicit VR spells OW
    return part10(data_set + element(0x7FE00010, "OW", bytes(0x574F - 1), implicit=implicit), transfer_syntax_uid)


WHOLE: dict[str, Callable[[], bytes]] = {
    "none": lambda: part10(FIRST + THEN),
    "native": lambda: native("1.2.840.10008.1.2.1"),
    "native, implicit VR": lambda: native(IMPLICIT_VR_LITTLE_ENDIAN),
    "encapsulated": lambda: encapsulated(b"\xff\xd8" * 50, b"\xff\xd8" * 20),
    "with an offset table": lambda: part10(
        FIRST
        + THEN
        + element(0x7FE00001, "OV", bytes(8))
        + element(0x7FE00002, "OV", bytes(8))
        + element(0x7FE00010, "OW", b"1234")
    ),
    "float": lambda: part10(FIRST + THEN + element(0x7FE00008, "OF", bytes(400))),
    "with padding behind it": lambda: part10(
        FIRST + THEN + element(0x7FE00010, "OW", b"1234") + element(0xFFFCFFFC, "OB", bytes(99))
    ),
    "with something behind it": lambda: part10(FIRST + THEN + element(0x7FE00010, "OW", b"1234") + b"\n"),
    "deflated": lambda: pydicom_file("image_dfl.dcm"),
}


@pytest.mark.parametrize("content_of", WHOLE.values(), ids=WHOLE.keys())
def test_passes_what_is_whole(content_of: Callable[[], bytes]) -> None:
    check(content_of())


@pytest.mark.parametrize("name", ["native", "native, implicit VR", "encapsulated", "with an offset table", "float"])
@pytest.mark.parametrize("missing_bytes", [1, 3])
def test_refuses_what_is_cut_short(name: str, missing_bytes: int) -> None:
    with pytest.raises(Rejected) as refused:
        check(WHOLE[name]()[:-missing_bytes])
    assert refused.value.reason is RejectReason.TRUNCATED


def test_refuses_fragments_without_an_end() -> None:
    with pytest.raises(Rejected) as refused:
        check(encapsulated(b"ab")[:-8])
    assert refused.value.reason is RejectReason.TRUNCATED


def test_refuses_what_is_no_fragment() -> None:
    pixel_data = element(0x7FE00010, "OB", b"\xff\xd8\xff\xe0 JPEG as it is", length=UNDEFINED)
    with pytest.raises(Rejected) as refused:
        check(part10(FIRST + THEN + pixel_data, JPEG_BASELINE))
    assert refused.value.reason is RejectReason.NOT_DICOM


@pytest.mark.parametrize("end", [-1, -5_000])
def test_refuses_deflated_pixel_data_that_is_cut_short(end: int) -> None:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    random = bytes(byte * 167 % 251 for byte in range(100_000))
    stream = deflater.compress(FIRST + THEN + element(0x7FE00010, "OW", random[:99_000] + bytes(1_000)))
    whole = part10(stream + deflater.flush(), DEFLATED)
    check(whole)
    with pytest.raises(Rejected) as refused:
        check(whole[:end] if end == -1 else whole[: len(whole) // 2])
    assert refused.value.reason is RejectReason.TRUNCATED


def test_pixel_data_is_not_read() -> None:
    content = part10(FIRST + THEN + element(0x7FE00010, "OW", b"", length=4_000_000_000))
    source = RecordingSource(content, len(content) + 4_000_000_000)
    header = read_header(source)
    check_pixel_data(source, header)
    assert source.bytes_read < 300_000
