"""Compressed pixels inside sequences, such as icons, made native; PS3.5 Section A.4, PS3.3 Section C.7.6.1.1.6."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from pydicom import Dataset
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag

from imaging.dicom.byte_source import ByteSource
from imaging.dicom.data_element import UNDEFINED_LENGTH
from imaging.dicom.fragments import content_of
from imaging.dicom.header import Header
from imaging.dicom.long_values import extent_of
from imaging.dicom.pixel_attributes import describe_pixels
from imaging.dicom.pixel_description import PIXEL_DATA, PixelDescription
from imaging.dicom.pixel_redescription import native_vr, redescribe

Decode = Callable[[bytes, PixelDescription], tuple[bytes, PixelDescription]]

_TAG = BaseTag(int(PIXEL_DATA, 16))


def make_icons_native(header: Header, source: ByteSource, decode: Decode) -> None:
    """Decode the one frame of each item that has compressed pixels; the header is changed in place.

    Parameters
    ----------
    source
        What the header was read from.
    decode
        Makes a compressed frame uncompressed, with its description as that changed.

    Raises
    ------
    Rejected
        What `decode` raises.
    """
    for item in _items(header.data_set):
        element = dict(item.items()).get(_TAG)
        if not isinstance(element, RawDataElement) or element.length != UNDEFINED_LENGTH:
            continue
        first, end = extent_of(element, source)
        fragments = source.read_range(first, end - 1)
        table_bytes = 8 + int.from_bytes(fragments[4:8], "little")
        description = describe_pixels(replace(header, data_set=item), PIXEL_DATA)
        content, made = decode(content_of(fragments[table_bytes:]), description)
        content += bytes(len(content) % 2)
        redescribe(item, description, made)
        vr = native_vr(made)
        item[_TAG] = RawDataElement(_TAG, vr, len(content), content, 0, False, True)


def _items(ds: Dataset) -> Iterator[Dataset]:
    for element in ds.values():
        if isinstance(element, DataElement):
            for item in element.value:
                yield item
                yield from _items(item)
