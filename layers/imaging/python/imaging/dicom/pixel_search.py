"""Finds where the frames of a file lie, whatever leads to them; PS3.5 Sections 8.1 and A.4."""

from dataclasses import dataclass, replace

from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from imaging.dicom.byte_source import ByteSource
from imaging.dicom.data_element import ElementHeader, raw_value
from imaging.dicom.fragments import MAX_TABLE_BYTES, Effort, FoundFrames, Fragments, TooManyFragments
from imaging.dicom.header import OpenInstance
from imaging.dicom.json_model import MAX_INLINE_BYTES, value_vr
from imaging.dicom.pixel_attributes import describe_pixels
from imaging.dicom.pixel_description import PixelDescription
from imaging.dicom.pixel_layout import PixelLayout
from imaging.dicom.transfer_syntaxes import NATIVE, is_video
from imaging.errors import Rejected

EXTENDED_OFFSET_TABLE = 0x7FE00001

_HALVED_COLOUR = {"YBR_FULL_422", "YBR_PARTIAL_422"}


@dataclass(frozen=True)
class FoundPixels:
    """The element that holds pixels.

    Attributes
    ----------
    element
        Without its value, unless that is short and native.
    layout
        None if the value is empty.
    end
        The first byte behind the element.
    gave_up
        Whether frames, and the end, may be found with more effort.
    """

    element: RawDataElement
    layout: PixelLayout | None
    end: int
    gave_up: bool = False


class PixelSearch:
    """Looks at the elements of group 7FE0.

    Parameters
    ----------
    source
        The whole file, for a long Extended Offset Table.
    opened
        What has been read of it, up to the pixels.
    """

    def __init__(self, source: ByteSource, opened: OpenInstance, effort: Effort, *, trusts_offset_tables: bool) -> None:
        self._source = source
        self._header = opened.header
        self._elements = opened.elements
        self._effort = effort
        self._trusts_offset_tables = trusts_offset_tables

    def find(self, at: ElementHeader, before: Dataset) -> FoundPixels:
        """Find what the element at `at` holds; `before` are those of its group that stand before it."""
        implicit_vr, little_endian = self._header.data_set.original_encoding
        vr = at.vr or ("OB" if at.has_undefined_length else None)  # encapsulated is always OB: PS3.5 Section A.4
        element = RawDataElement(at.tag, vr, at.length, None, at.value_offset, bool(implicit_vr), bool(little_endian))
        description = describe_pixels(self._header, f"{at.tag:08X}")
        vr = value_vr(before, element, signed=False)
        if at.has_undefined_length:
            return self._encapsulated(element, description, vr, _offsets(self._extended_offset_table(before)))
        reader = self._elements.reader
        if at.length <= MAX_INLINE_BYTES and at.end <= reader.end:
            reader.seek(at.value_offset)
            element = element._replace(value=reader.read(at.length))
        return FoundPixels(element, _native(description, vr, at) if at.length else None, at.end)

    def _encapsulated(
        self, element: RawDataElement, description: PixelDescription, vr: str, extended_offset_table: tuple[int, ...]
    ) -> FoundPixels:
        reader, first = self._elements.reader, element.value_tell
        is_one_stream = description.transfer_syntax_uid in NATIVE or is_video(description.transfer_syntax_uid)
        number_of_frames = 0 if is_one_stream else description.number_of_frames
        gave_up = False
        try:
            reader.seek(first)
            found = Fragments(reader, self._effort).find(
                number_of_frames, extended_offset_table, trusts=self._trusts_offset_tables
            )
        except Rejected as failure:
            found = FoundFrames((), reader.end)  # where it ends is not known either
            gave_up = isinstance(failure, TooManyFragments)
        reader.renew()
        layout = PixelLayout(
            description, vr, first, found.end - first, is_encapsulated=True, frame_offsets=found.offsets
        )
        return FoundPixels(element, layout, found.end, gave_up)

    def _extended_offset_table(self, before: Dataset) -> bytes:
        element = dict(before.items()).get(BaseTag(EXTENDED_OFFSET_TABLE))
        if isinstance(element, RawDataElement) and element.value is None and 0 < element.length <= MAX_TABLE_BYTES:
            return self._source.read_range(element.value_tell, element.value_tell + element.length - 1)
        return raw_value(before, EXTENDED_OFFSET_TABLE)


def _offsets(table: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(table[at : at + 8], "little") for at in range(0, len(table) // 8 * 8, 8))


def _native(description: PixelDescription, vr: str, at: ElementHeader) -> PixelLayout:
    frame_bits = 0
    if description.transfer_syntax_uid in NATIVE:
        pixels = description.rows * description.columns
        frame_bits = pixels * description.samples_per_pixel * description.bits_allocated
        if description.photometric_interpretation in _HALVED_COLOUR:
            if description.number_of_frames * frame_bits > 8 * at.length:
                frame_bits = pixels * 2 * description.bits_allocated  # PS3.3 Section C.7.6.3.1.2
            else:
                # As many bytes as colour takes that is not halved: its name is wrong, and its pixels are not.
                description = replace(description, photometric_interpretation="YBR_FULL")
    return PixelLayout(description, vr, at.value_offset, at.length, is_encapsulated=False, frame_bits=frame_bits)
