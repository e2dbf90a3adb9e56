"""The data set of a stored instance in another transfer syntax, piece by piece; PS3.5 Section 10."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, suppress
from functools import partial

from pydicom import Dataset

from imaging.dicom.byte_source import ByteSource
from imaging.dicom.data_set_recoding import LongValue, Recoded, any_element_header, is_signed, recoded
from imaging.dicom.header import Header, open_instance
from imaging.dicom.json_model import character_sets
from imaging.dicom.native_frame import swapped
from imaging.dicom.native_icons import make_icons_native
from imaging.dicom.outline import read_trailing
from imaging.dicom.pixel_attributes import describe_pixels
from imaging.dicom.pixel_description import PixelDescription
from imaging.dicom.pixel_layout import PixelLayout
from imaging.dicom.pixel_redescription import redescribe
from imaging.dicom.transfer_syntaxes import ENCODABLE, NATIVE, is_deflated, is_implicit_vr
from imaging.errors import Rejected, RejectReason
from imaging.model.instance import Instance
from imaging.ports.objects import ObjectStore
from imaging.ports.pixels import Frame, PixelWorker
from imaging.reading.instance_pixels import InstancePixels
from imaging.reading.instance_source import ForwardSource, InstanceSource
from imaging.reading.read_ahead import Fetch, MiB, ReadAhead
from imaging.reading.transcoded_frames import TranscodedFrames

MAX_PIECE_BYTES = 8 * MiB  # a multiple of every number's length


class TranscodeDataSet:
    """Makes data sets: explicit ones without looking into them, native pixels as one value, others frame by frame."""

    def __init__(
        self, objects: ObjectStore, pixels: InstancePixels, worker: PixelWorker, read_ahead: ReadAhead
    ) -> None:
        self._objects = objects
        self._pixels = pixels
        self._worker = worker
        self._read_ahead = read_ahead

    def pieces(
        self, instance: Instance, header: Header, layout: PixelLayout | None, transfer_syntax_uid: str
    ) -> Generator[bytes, None, None]:
        """The data set in Little Endian, its pixels uncompressed or as the transfer syntax has them.

        Its VRs are explicit unless the transfer syntax is Implicit VR Little Endian.

        Parameters
        ----------
        header
            The caller's own copy, which is changed.
        layout
            None: there are no pixels.

        Raises
        ------
        Rejected, Unavailable
            As `imaging.reading.transcode_instance.TranscodeInstance.pieces`.
        """
        if layout and (layout.is_encapsulated or transfer_syntax_uid in ENCODABLE):
            return self._by_frames(instance, header, layout, transfer_syntax_uid)
        implicit_vr = is_implicit_vr(transfer_syntax_uid)
        if header.data_set.original_encoding == (implicit_vr, True) and header.transfer_syntax_uid in NATIVE:
            return self._untouched(instance, header)
        return self._fetched(instance, header, self._native(instance, header, layout, implicit_vr))

    def _untouched(self, instance: Instance, header: Header) -> Generator[bytes, None, None]:
        if not is_deflated(header.transfer_syntax_uid):
            first = header.data_set_offset
            return self._fetched(instance, header, [LongValue(first, instance.size_bytes - first)])
        return _all_of(self._source(instance, header))

    def _native(
        self, instance: Instance, header: Header, layout: PixelLayout | None, implicit_vr: bool
    ) -> list[Recoded]:
        _check_readable(header)
        signed = is_signed(header.data_set)
        beginning = recoded(header.data_set, implicit_vr=implicit_vr)
        if layout is None:
            further = _further(InstanceSource(self._objects, instance))
            return [*beginning, *recoded(further, signed=signed, implicit_vr=implicit_vr)]
        tag, size_bytes = int(layout.description.tag, 16), layout.size_bytes
        pixels: list[Recoded] = [
            any_element_header(tag, layout.vr, size_bytes + size_bytes % 2, implicit_vr=implicit_vr),
            LongValue(layout.first_byte, size_bytes, _number_bytes(header, layout)),
            bytes(size_bytes % 2),
        ]
        return [*beginning, *pixels, *self._trailing(instance, header, layout, implicit_vr)]

    def _by_frames(
        self, instance: Instance, header: Header, layout: PixelLayout, transfer_syntax_uid: str
    ) -> Generator[bytes, None, None]:
        _check_readable(header)
        implicit_vr = is_implicit_vr(transfer_syntax_uid)
        trailing = self._trailing(instance, header, layout, implicit_vr)
        make_icons_native(header, self._source(instance, header), self._decoded)
        described = describe_pixels(header, layout.description.tag)
        with closing(
            TranscodedFrames(
                instance,
                transfer_syntax_uid,
                pixels=self._pixels,
                worker=self._worker,
                read_ahead=self._read_ahead,
            )
        ) as frames:
            redescribe(header.data_set, described, frames.description)
            yield from self._fetched(instance, header, recoded(header.data_set, implicit_vr=implicit_vr))
            yield from frames.element(int(layout.description.tag, 16))
        yield from self._fetched(instance, header, trailing)

    def _decoded(self, content: bytes, description: PixelDescription) -> tuple[bytes, PixelDescription]:
        frame = self._worker.decoded(Frame(content, description))
        return frame.content, frame.description

    def _trailing(self, instance: Instance, header: Header, layout: PixelLayout, implicit_vr: bool) -> list[Recoded]:
        """What stands behind the pixels; what is no data set there is left out, as from the metadata."""
        found = Dataset()
        with suppress(Rejected):
            found = read_trailing(InstanceSource(self._objects, instance), header, layout)
        return recoded(found, signed=is_signed(header.data_set), implicit_vr=implicit_vr)

    def _source(self, instance: Instance, header: Header) -> ByteSource:
        source = InstanceSource(self._objects, instance)
        return ForwardSource(source, header.data_set_offset) if is_deflated(header.transfer_syntax_uid) else source

    def _fetched(self, instance: Instance, header: Header, parts: Iterable[Recoded]) -> Generator[bytes, None, None]:
        return self._read_ahead.in_order(self._fetches(instance, header, parts))

    def _fetches(self, instance: Instance, header: Header, parts: Iterable[Recoded]) -> Iterator[bytes | Fetch[bytes]]:
        source = self._source(instance, header)
        for part in parts:
            if isinstance(part, bytes):
                yield part
                continue
            end = part.first + part.size_bytes
            for first in range(part.first, end, MAX_PIECE_BYTES):
                size_bytes = min(MAX_PIECE_BYTES, end - first)
                fetch = partial(_value, source, first, size_bytes, part.number_bytes)
                # A deflated source only goes forwards.
                yield fetch() if isinstance(source, ForwardSource) else Fetch(size_bytes, fetch)


def _further(source: ByteSource) -> Dataset:
    """What follows the header where there are no pixels; unlike for the metadata, all of it has to be readable."""
    opened = open_instance(source)
    ds = opened.header.data_set
    return opened.elements.read(
        implicit_vr=bool(ds.original_encoding[0]), stop_at=lambda tag: False, encodings=character_sets(ds)
    )


def _value(source: ByteSource, first: int, size_bytes: int, number_bytes: int) -> bytes:
    content = source.read_range(first, first + size_bytes - 1)
    return content if number_bytes == 1 else swapped(content, number_bytes)


def _all_of(source: ByteSource) -> Generator[bytes, None, None]:
    first = 0
    while piece := source.read_range(first, first + MiB - 1):
        yield piece
        first += len(piece)


def _number_bytes(header: Header, layout: PixelLayout) -> int:
    """How long the numbers are that stand the other way round; samples of a byte do in words: PS3.5 Section 8.1.1."""
    if header.data_set.original_encoding[1]:
        return 1
    if layout.has_swapped_bytes:
        return 2
    return max(layout.description.bits_allocated // 8, 1)


def _check_readable(header: Header) -> None:
    if header.unreadable:
        raise Rejected(
            RejectReason.NOT_ACCEPTABLE,
            "A sequence of the instance cannot be read, so that it can be sent only as it is stored: "
            "ask for transfer-syntax=*.",
        )
