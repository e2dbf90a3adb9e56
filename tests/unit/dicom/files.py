"""Makes DICOM files element by element, right or wrong, as no library would."""

from pathlib import Path
from struct import pack

from pydicom.data import get_testdata_file

from imaging.dicom.header import BytesSource
from imaging.dicom.part10 import file_meta_information

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"

SOP_CLASS_UID = "1.2.840.10008.5.1.4.1.1.2"
UNDEFINED = 0xFFFFFFFF

_LONG_VRS = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "UC", "UN", "UR", "UT"}


def element(tag: int, vr: str, value: bytes | str, *, length: int | None = None, implicit: bool = False) -> bytes:
    """One element in little endian; `length` lies about its value."""
    if isinstance(value, str):
        value = value.encode()
    value += (b"\0" if vr in {"UI", "OB", "UN"} else b" ") * (len(value) % 2)
    length = len(value) if length is None else length
    if implicit:
        return pack("<HHL", tag >> 16, tag & 0xFFFF, length) + value
    if vr in _LONG_VRS:
        return pack("<HH2s2xL", tag >> 16, tag & 0xFFFF, vr.encode(), length) + value
    return pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), length) + value


def item(content: bytes, *, undefined_length: bool = False) -> bytes:
    if undefined_length:
        return pack("<HHL", 0xFFFE, 0xE000, UNDEFINED) + content + pack("<HHL", 0xFFFE, 0xE00D, 0)
    return pack("<HHL", 0xFFFE, 0xE000, len(content)) + content


def sequence(tag: int, *items: bytes, undefined_length: bool = False, vr: str = "SQ", implicit: bool = False) -> bytes:
    content = b"".join(items)
    if undefined_length:
        return element(tag, vr, content + pack("<HHL", 0xFFFE, 0xE0DD, 0), length=UNDEFINED, implicit=implicit)
    return element(tag, vr, content, implicit=implicit)


def identifiers(
    *, study: str = "1.2.1", series: str = "1.2.2", instance: str = "1.2.3", sop_class: str = SOP_CLASS_UID
) -> tuple[bytes, bytes]:
    """The elements of group 0008 and those of group 0020, to put others in between."""
    return (
        element(0x00080016, "UI", sop_class) + element(0x00080018, "UI", instance),
        element(0x0020000D, "UI", study) + element(0x0020000E, "UI", series),
    )


def part10(data_set: bytes, transfer_syntax_uid: str = EXPLICIT_VR_LITTLE_ENDIAN, *, instance: str = "1.2.3") -> bytes:
    return file_meta_information(SOP_CLASS_UID, instance, transfer_syntax_uid) + data_set


def instance_file(
    *, study: str = "1.2.1", series: str = "1.2.2", instance: str = "1.2.3", pixel_data: bytes = b"\1\2\3\4"
) -> bytes:
    """A small whole instance."""
    first, then = identifiers(study=study, series=series, instance=instance)
    return part10(first + then + element(0x7FE00010, "OW", pixel_data), instance=instance)


def pydicom_file(name: str) -> bytes:
    """One of the test files in pydicom's wheel."""
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    return Path(path).read_bytes()


class RecordingSource(BytesSource):
    """Remembers which bytes were read; may pretend to be larger than it is, and is zero there."""

    def __init__(self, content: bytes, size_bytes: int | None = None) -> None:
        super().__init__(content)
        self._size_bytes = size_bytes or len(content)
        self.ranges: list[tuple[int, int]] = []

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    def read_range(self, first: int, last: int) -> bytes:
        assert 0 <= first <= last < self.size_bytes
        self.ranges.append((first, last))
        return super().read_range(first, last).ljust(last + 1 - first, b"\0")

    @property
    def bytes_read(self) -> int:
        return sum(last + 1 - first for first, last in self.ranges)
