"""Finds the value that a BulkDataURI of ours names; PS3.18 Section 10.4.1.1.5 and `imaging.dicom.json_model`."""

import re
from functools import partial

from pydicom import Dataset
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian
from pydicom.values import convert_SQ

from imaging.dicom.byte_source import ByteSource, BytesSource, RangeReader
from imaging.dicom.data_element import UNDEFINED_LENGTH
from imaging.dicom.data_set_reader import MAX_DEPTH
from imaging.dicom.fragments import ITEM_HEADER_BYTES, Fragments
from imaging.dicom.header import PIXEL_DATA_GROUP, Header
from imaging.dicom.json_model import BINARY_VRS, belongs, character_sets, value_vr
from imaging.dicom.json_value import CONVERSION_ERRORS
from imaging.dicom.outline import read_outline
from imaging.dicom.pixel_layout import PixelLayout
from imaging.dicom.quiet import without_warnings
from imaging.dicom.transfer_syntaxes import is_deflated, is_video
from imaging.errors import Rejected, RejectReason
from imaging.model.instance import NO_LAYOUT, Instance
from imaging.ports.objects import ObjectStore
from imaging.reading.bulk_data_value import BulkDataValue
from imaging.reading.instance_header import InstanceHeaders
from imaging.reading.instance_pixels import InstancePixels
from imaging.reading.instance_source import ForwardSource, InstanceSource
from imaging.reading.read_ahead import ReadAhead

_TAG = re.compile("[0-9A-Fa-f]{8}")
_ITEM = re.compile("0|[1-9][0-9]{0,5}")
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
        *way, tag = self._parsed(path)
        if not way and (layout := self._pixel_layout(instance, tag)):
            return self._pixel_value(instance, layout)
        header = self._headers.header(instance)
        source: ByteSource = InstanceSource(self._objects, instance)
        ds = header.data_set
        if (way or [tag])[0] >> 16 >= PIXEL_DATA_GROUP:
            ds = read_outline(source).further
        if is_deflated(header.transfer_syntax_uid):
            source = ForwardSource(source, header.data_set_offset)
        vr, element = _element(ds, way, tag)
        return self._value(header, source, vr, element)

    def _parsed(self, path: str) -> list[int]:
        """Tags and item numbers by turns."""
        segments = path.split("/")
        kinds = [_ITEM if place % 2 else _TAG for place in range(len(segments))]
        is_path = all(kind.fullmatch(segment) for kind, segment in zip(kinds, segments, strict=True))
        if not is_path or not len(segments) % 2 or len(segments) > 2 * MAX_DEPTH:
            raise _not_found()
        return [int(segment, 10 if place % 2 else 16) for place, segment in enumerate(segments)]

    def _pixel_layout(self, instance: Instance, tag: int) -> PixelLayout | None:
        """The layout, if it is the pixels that the tag names."""
        if tag >> 16 != PIXEL_DATA_GROUP or instance.pixel_layout == NO_LAYOUT:
            return None
        layout = self._pixels.layout(instance)
        return layout if int(layout.description.tag, 16) == tag else None

    def _pixel_value(self, instance: Instance, layout: PixelLayout) -> BulkDataValue:
        source: ByteSource = InstanceSource(self._objects, instance)
        syntax = layout.description.transfer_syntax_uid
        if is_deflated(syntax):
            source = ForwardSource(source, self._headers.header(instance).data_set_offset)
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

    def _value(self, header: Header, source: ByteSource, vr: str, element: RawDataElement) -> BulkDataValue:
        syntax = header.transfer_syntax_uid
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


def _fragment_extents(source: ByteSource, first_byte: int) -> tuple[tuple[int, int], ...]:
    """Where the contents of the fragments of an encapsulated value lie."""
    reader = RangeReader(source)
    reader.seek(first_byte)
    fragments = Fragments(reader)
    return tuple((found.start + ITEM_HEADER_BYTES, found.end) for found in fragments.walk(fragments.first))


def _swapped_bytes(vr: str, transfer_syntax_uid: str) -> int:
    return _WORD_BYTES.get(vr, 1) if transfer_syntax_uid == ExplicitVRBigEndian else 1


def _element(ds: Dataset, way: list[int], tag: int) -> tuple[str, RawDataElement]:
    """The element at the end of the way, and its VR."""
    try:
        with without_warnings():
            for sequence, number in zip(way[::2], way[1::2], strict=True):
                ds = _items(ds, sequence)[number]
            element = dict(ds.items())[BaseTag(tag)]
            if isinstance(element, RawDataElement) and belongs(element):
                vr = value_vr(ds, element, signed=False)
                if vr in BINARY_VRS:
                    return vr, element
    except CONVERSION_ERRORS as failure:
        raise _not_found() from failure
    raise _not_found()


def _items(ds: Dataset, tag: int) -> list[Dataset]:
    element = dict(ds.items())[BaseTag(tag)]
    if isinstance(element, DataElement):
        return list(element.value)
    if value_vr(ds, element, signed=False) != "SQ":
        raise _not_found()
    return list(convert_SQ(element.value or b"", element.is_implicit_VR, element.is_little_endian, character_sets(ds)))


def _not_found() -> Rejected:
    return Rejected(
        RejectReason.NO_SUCH_RESOURCE, "The instance has no such bulk data; its metadata has the paths that it has."
    )
