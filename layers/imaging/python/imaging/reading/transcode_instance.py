"""Give an instance in another transfer syntax, piece by piece; PS3.5 Section 10, PS3.18 Section 8.7.3."""

import zlib
from collections.abc import Generator
from contextlib import closing

from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

from imaging.dicom.part10 import file_meta_information
from imaging.dicom.pixel_description import PIXEL_DATA
from imaging.dicom.pixel_layout import PixelLayout
from imaging.dicom.transfer_syntaxes import DECODABLE, ENCODABLE, NATIVE, is_deflated
from imaging.errors import Rejected
from imaging.model.instance import LAYOUT_BESIDE, NO_LAYOUT, Instance
from imaging.ports.objects import ObjectStore
from imaging.ports.pixels import PixelWorker
from imaging.reading.instance_header import InstanceHeaders
from imaging.reading.instance_pixels import InstancePixels
from imaging.reading.read_ahead import ReadAhead
from imaging.reading.transcoded_data_set import TranscodeDataSet

_UNCOMPRESSED = frozenset(map(str, (ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian)))
_SIDE_BY_SIDE = 4  # about as many as there are workers
_DEFLATE_LEVEL = 6
_LEAST_OF_JPEG_2000 = 32  # rows and columns, for its six resolutions


class TranscodeInstance:
    """Makes whole files of stored ones. They keep their SOP Instance UID: no pixel loses anything by it.

    Memory holds the header and what is read and decoded ahead, whatever the
    size of the instance.

    Parameters
    ----------
    read_ahead
        On its threads values are read and frames decoded.
    """

    def __init__(
        self,
        objects: ObjectStore,
        headers: InstanceHeaders,
        pixels: InstancePixels,
        worker: PixelWorker,
        read_ahead: ReadAhead | None = None,
    ) -> None:
        self._headers = headers
        self._pixels = pixels
        self._data_set = TranscodeDataSet(objects, pixels, worker, read_ahead or ReadAhead(side_by_side=_SIDE_BY_SIDE))

    def targets(self, instance: Instance, *, implicit_vr: bool = False) -> frozenset[str]:
        """The transfer syntaxes it can be made in, beside the one it is stored in; empty: in no other.

        Never Big Endian. No pixel is looked at: a target can still turn out impossible.

        Parameters
        ----------
        implicit_vr
            Also Implicit VR Little Endian, which every DICOM AE takes and PS3.18
            Section 8.7.3 keeps from the Web.

        Raises
        ------
        Unavailable
            Its layout is not on its row, and cannot be read.
        """
        stored = instance.arrival.transfer_syntax_uid
        if stored not in NATIVE | DECODABLE:
            return frozenset()
        layout = self._layout(instance)
        targets = _UNCOMPRESSED if layout is None else _targets(layout)
        if implicit_vr and targets >= _UNCOMPRESSED:
            targets |= {str(ImplicitVRLittleEndian)}
        return targets - {stored}

    def size_bytes(self, instance: Instance, transfer_syntax_uid: str) -> int | None:
        """About how large it becomes, as far as its row tells; None: that cannot be told."""
        is_inflated = is_deflated(instance.arrival.transfer_syntax_uid)
        if transfer_syntax_uid in ENCODABLE or is_inflated or instance.pixel_layout in (b"", LAYOUT_BESIDE):
            return None
        layout = self._layout(instance)
        if layout is None or not layout.is_encapsulated:
            return instance.size_bytes
        described = layout.description
        return instance.size_bytes - layout.size_bytes + described.number_of_frames * described.frame_bytes

    def pieces(self, instance: Instance, transfer_syntax_uid: str) -> Generator[bytes, None, None]:
        """The file in one of `targets`.

        Raises
        ------
        Rejected
            `NOT_ACCEPTABLE` in place of the first piece if it cannot be made:
            its first frame cannot be decoded, or a sequence of it not be read.
            After it: a later frame cannot be decoded.
        Unavailable
            Part of it cannot be read. What was given until then is no whole file.
        """
        header = self._headers.header(instance)
        data_set = self._data_set.pieces(instance, header, self._layout(instance), transfer_syntax_uid)
        if is_deflated(transfer_syntax_uid):
            data_set = _deflated(data_set)
        with closing(data_set):
            first = next(data_set, b"")
            yield file_meta_information(header.sop_class_uid, header.sop_instance_uid, transfer_syntax_uid) + first
            yield from data_set

    def _layout(self, instance: Instance) -> PixelLayout | None:
        if instance.pixel_layout == NO_LAYOUT:
            return None
        try:
            return self._pixels.layout(instance)
        except Rejected:
            return None


def _targets(layout: PixelLayout) -> frozenset[str]:
    described = layout.description
    is_decodable = described.transfer_syntax_uid in DECODABLE
    if layout.is_encapsulated != is_decodable or (is_decodable and not _has_whole_frames(layout)):
        return frozenset()
    if not _has_whole_frames(layout) or described.tag != PIXEL_DATA:
        return _UNCOMPRESSED
    # PS3.5 Sections 8.2.2 and 8.2.4, and what the encoder of JPEG 2000 can do
    is_encodable = described.bits_allocated in {8, 16} and described.samples_per_pixel in {1, 3}
    is_large = min(described.rows, described.columns) >= _LEAST_OF_JPEG_2000
    return _UNCOMPRESSED | frozenset(
        syntax for syntax in ENCODABLE if is_encodable and (is_large or syntax != JPEG2000Lossless)
    )


def _has_whole_frames(layout: PixelLayout) -> bool:
    """Whether its frames can be decoded one by one and laid one behind the other."""
    described = layout.description
    is_complete = all((described.rows, described.columns, described.samples_per_pixel, described.bits_allocated))
    # Frames of one bit a pixel follow each other without a gap: those that end inside a byte are left as stored.
    bits = described.rows * described.columns * described.samples_per_pixel * described.bits_allocated
    return layout.has_frames and is_complete and (described.number_of_frames == 1 or bits % 8 == 0)


def _deflated(data_set: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
    """Deflate a data set, to even length: PS3.5 Section A.5."""
    deflater = zlib.compressobj(_DEFLATE_LEVEL, wbits=-zlib.MAX_WBITS)
    size_bytes = 0
    with closing(data_set):
        for piece in data_set:
            deflated = deflater.compress(piece)
            size_bytes += len(deflated)
            yield deflated
    deflated = deflater.flush()
    size_bytes += len(deflated)
    yield deflated + bytes(size_bytes % 2)
