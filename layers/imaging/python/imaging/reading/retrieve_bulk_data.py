"""Finds the value that a BulkDataURI of ours names; PS3.18 Section 10.4.1.1.5 and `imaging.dicom.json_model`."""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial

from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

from imaging.dicom.byte_source import ByteSource, BytesSource, RangeReader
from imaging.dicom.data_element import UNDEFINED_LENGTH
from imaging.dicom.fragments import ITEM_HEADER_BYTES, Fragments
from imaging.dicom.header import PIXEL_DATA_GROUP, Header
from imaging.dicom.outline import read_outline
from imaging.dicom.pixel_layout import PixelLayout
from imaging.dicom.transfer_syntaxes import is_deflated, is_video
from imaging.model.instance import NO_LAYOUT, Instance
from imaging.ports.objects import ObjectStore
from imaging.reading.bulk_data_elements import BulkDataElements, Way, way_of
from imaging.reading.bulk_data_value import BulkDataValue
from imaging.reading.instance_header import InstanceHeaders
from imaging.reading.instance_pixels import InstancePixels
from imaging.reading.instance_source import ForwardSource, InstanceSource
from imaging.reading.read_ahead import ReadAhead

_WORD_BYTES = {"OW": 2, "OL": 4, "OF": 4, "OD": 8, "OV": 8}


class RetrieveBulkData:
    """Finds values by ranges of the object version that the row speaks of."""

    def __init__(
        self,
        objects: ObjectStore,
        headers: InstanceHeaders,
        pixels: InstancePixels,
        read_ahead: ReadAhead | None = None,
    ) -> None:
        self._objects = objects
        self._headers = headers
        self._pixels = pixels
        self._read_ahead = read_ahead or ReadAhead()

    def find(self, instance: Instance, path: str) -> BulkDataValue:
        """Find a binary value, whether the metadata has it as a BulkDataURI or inline.

        Parameters
        ----------
        path
            What follows ``bulkdata/``: a tag of 8 hexadecimal digits; inside a
            sequence ``<tag of the sequence>/<item, from 0>/<tag>``.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE` if the instance has no such value.
        Unavailable
            It cannot be read.
        """
        ((_, value),) = self.find_all(instance, [path])
        return value

    def find_all(self, instance: Instance, paths: Iterable[str]) -> Iterator[tuple[str, BulkDataValue]]:
        """Find values as `find` does, one after the other; the instance is opened once for all of them.

        Raises
        ------
        Rejected, Unavailable
            As `find`, in place of the value.
        """
        opened = _Opened(InstanceSource(self._objects, instance), partial(self._headers.header, instance))
        for path in paths:
            way = way_of(path)
            layout = self._pixel_layout(instance, way[0]) if len(way) == 1 else None
            yield path, self._pixel_value(opened, layout) if layout else self._value(opened, way)

    def _pixel_layout(self, instance: Instance, tag: int) -> PixelLayout | None:
        """The layout, if it is the pixels that the tag names."""
        if tag >> 16 != PIXEL_DATA_GROUP or instance.pixel_layout == NO_LAYOUT:
            return None
        layout = self._pixels.layout(instance)
        return layout if int(layout.description.tag, 16) == tag else None

    def _pixel_value(self, opened: "_Opened", layout: PixelLayout) -> BulkDataValue:
        source = opened.inflated if layout.is_deflated else opened.stored
        syntax = layout.description.transfer_syntax_uid
        make = partial(BulkDataValue, vr=layout.vr, _source=source, _read_ahead=self._read_ahead)
        if not layout.is_encapsulated:
            return make(
                transfer_syntax_uid=str(ExplicitVRLittleEndian),
                is_in_frames=False,
                _extents=((layout.first_byte, layout.end),),
                _swapped_bytes=_swapped_bytes(layout.vr, syntax),
            )
        if not is_video(syntax):
            return make(transfer_syntax_uid=syntax, is_in_frames=True)
        return make(
            transfer_syntax_uid=syntax, is_in_frames=False, _extents=_fragment_extents(source, layout.first_byte)
        )

    def _value(self, opened: "_Opened", way: Way) -> BulkDataValue:
        elements = opened.further if way[0] >> 16 >= PIXEL_DATA_GROUP else opened.elements
        vr, element = elements.find(way)
        syntax = opened.header.transfer_syntax_uid
        source = opened.inflated if is_deflated(syntax) else opened.stored
        make = partial(BulkDataValue, vr=vr, is_in_frames=False, _read_ahead=self._read_ahead)
        if element.length == UNDEFINED_LENGTH and element.value is None:  # a compressed icon
            extents = _fragment_extents(source, element.value_tell)
            return make(transfer_syntax_uid=syntax, _source=source, _extents=extents)
        if element.value is not None:
            source, extents = BytesSource(element.value), ((0, len(element.value)),)
        else:
            extents = ((element.value_tell, element.value_tell + element.length),)
        return make(
            transfer_syntax_uid=str(ExplicitVRLittleEndian),
            _source=source,
            _extents=extents,
            _swapped_bytes=_swapped_bytes(vr, syntax),
        )


class _Opened:
    """An instance whose parts are read when the first value needs them."""

    def __init__(self, stored: ByteSource, read_header: Callable[[], Header]) -> None:
        self.stored = stored
        self._read_header = read_header

    @cached_property
    def header(self) -> Header:
        return self._read_header()

    @cached_property
    def inflated(self) -> ByteSource:
        return ForwardSource(self.stored, self.header.data_set_offset)

    @cached_property
    def elements(self) -> BulkDataElements:
        return BulkDataElements(self.header.data_set)

    @cached_property
    def further(self) -> BulkDataElements:
        """Of group 7FE0, and behind it."""
        return BulkDataElements(read_outline(self.stored).further)


def _fragment_extents(source: ByteSource, first_byte: int) -> tuple[tuple[int, int], ...]:
    """Where the contents of the fragments of an encapsulated value lie."""
    reader = RangeReader(source)
    reader.seek(first_byte)
    fragments = Fragments(reader)
    return tuple((found.start + ITEM_HEADER_BYTES, found.end) for found in fragments.walk(fragments.first))


def _swapped_bytes(vr: str, transfer_syntax_uid: str) -> int:
    return _WORD_BYTES.get(vr, 1) if transfer_syntax_uid == ExplicitVRBigEndian else 1
