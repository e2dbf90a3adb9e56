"""All that a file says but the bytes of its pixels; PS3.10 Section 7."""

from contextlib import suppress
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.tag import BaseTag

from imaging.dicom.byte_source import ByteSource, RangeReader
from imaging.dicom.data_element import Element
from imaging.dicom.data_set_reader import DataSetReader
from imaging.dicom.fragments import BRIEF, Effort
from imaging.dicom.header import PIXEL_DATA_GROUP, PIXEL_DATA_TAGS, Header, open_data_set, open_instance
from imaging.dicom.json_model import character_sets
from imaging.dicom.pixel_layout import PixelLayout
from imaging.dicom.pixel_search import PixelSearch
from imaging.errors import Rejected


@dataclass(frozen=True)
class Outline:
    """A file without its pixels.

    Attributes
    ----------
    pixel_layout
        None if there are no pixels.
    gave_up
        Whether its frames, and what stands behind them, may be found with more effort.
    further
        What follows the header: group 7FE0, and what stands behind it, as far
        as it can be read. Long bulk values, and the pixels, are there with
        their length and the value None.
    """

    header: Header
    pixel_layout: PixelLayout | None
    further: Dataset
    gave_up: bool = False


def read_outline(source: ByteSource, *, effort: Effort = BRIEF, trusts_offset_tables: bool = True) -> Outline:
    """Read all but pixels, in as few and small reads as it takes.

    An instance with native pixels, or one frame in one fragment, takes no read
    beyond its header, unless something stands behind the pixels. A wrong end
    of a file does not hide its beginning.

    Parameters
    ----------
    effort
        How far to search where no offset table leads to the frames.
    trusts_offset_tables
        False: frames are found without them.

    Raises
    ------
    Rejected
        As `imaging.dicom.header.read_header`.
    """
    opened = open_instance(source)
    header, elements = opened.header, opened.elements
    further: dict[BaseTag, Element] = {}
    layout, gave_up = None, False
    with suppress(Rejected):  # what could be read until there is all there is to say
        before = _read(elements, header, to_pixels=True)
        further.update(before.items())
        if at := elements.stopped_at:
            found = PixelSearch(source, opened, effort, trusts_offset_tables=trusts_offset_tables).find(at, before)
            further[at.tag], layout, gave_up = found.element, found.layout, found.gave_up
            further.update(_behind(elements, header, found.end).items())
    return Outline(header, layout, _data_set(further, header), gave_up)


def read_trailing(source: ByteSource, header: Header, layout: PixelLayout) -> Dataset:
    """Read what stands behind the pixels, without looking at them.

    Raises
    ------
    Rejected
        If it is no data set.
    """
    reader = RangeReader(source)
    reader.seek(header.data_set_offset)
    elements = open_data_set(source, reader, header.transfer_syntax_uid, keep_sequences=True)
    return _behind(elements, header, layout.end)


def _read(elements: DataSetReader, header: Header, *, to_pixels: bool) -> Dataset:
    implicit_vr, _ = header.data_set.original_encoding
    return elements.read(
        implicit_vr=bool(implicit_vr),
        # Elements ascend, PS3.5 Section 7.1: what does not is padding, of which there may be much.
        stop_at=lambda tag: tag in PIXEL_DATA_TAGS if to_pixels else tag >> 16 < PIXEL_DATA_GROUP,
        encodings=character_sets(header.data_set),
    )


def _data_set(elements: dict[BaseTag, Element], header: Header) -> Dataset:
    ds = Dataset(elements)
    implicit_vr, little_endian = header.data_set.original_encoding
    ds.set_original_encoding(implicit_vr, little_endian, character_sets(header.data_set))
    return ds


def _behind(elements: DataSetReader, header: Header, end: int) -> Dataset:
    if end >= elements.reader.end:
        return Dataset()
    elements.go_to(end)
    return _read(elements, header, to_pixels=False)
