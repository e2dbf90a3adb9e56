"""The frames of an instance, decoded or encoded, as the value of its Pixel Data; PS3.5 Sections 8 and A.4."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from functools import partial
from struct import pack

from imaging.dicom.data_element import SEQUENCE_DELIMITATION, UNDEFINED_LENGTH, element_header
from imaging.dicom.data_set_recoding import MAX_LENGTH, any_element_header
from imaging.dicom.encapsulation import ITEM_BYTES
from imaging.dicom.pixel_description import PixelDescription
from imaging.dicom.pixel_redescription import native_vr
from imaging.dicom.transfer_syntaxes import ENCODABLE, is_implicit_vr
from imaging.errors import Rejected, RejectReason
from imaging.model.instance import Instance
from imaging.ports.pixels import Frame, PixelWorker
from imaging.reading.instance_pixels import InstancePixels
from imaging.reading.read_ahead import Fetch, ReadAhead

_EMPTY_OFFSET_TABLE = ITEM_BYTES + pack("<L", 0)  # what it would tell is known only when all has been sent
_END_OF_ITEMS = pack("<HHL", SEQUENCE_DELIMITATION >> 16, SEQUENCE_DELIMITATION & 0xFFFF, 0)


class TranscodedFrames:
    """Frames in another transfer syntax; the first of them is made at once, so that its failure comes early.

    Attributes
    ----------
    description
        Of the frames as they are made.
    """

    def __init__(
        self,
        instance: Instance,
        transfer_syntax_uid: str,
        *,
        pixels: InstancePixels,
        worker: PixelWorker,
        read_ahead: ReadAhead,
    ) -> None:
        self._worker = worker
        self._target = transfer_syntax_uid
        self._number_of_frames = pixels.description(instance).number_of_frames
        numbers = range(1, self._number_of_frames + 1)
        stored = pixels.frames(instance, numbers)
        with ExitStack() as opened:
            opened.enter_context(pixels.room(instance, numbers))
            self._frames: Generator[Frame, None, None] = read_ahead.in_order(self._fetches(stored))
            opened.enter_context(closing(self._frames))
            self._first = next(self._frames)
            self._check_size()
            self._opened = opened.pop_all()
        self.description: PixelDescription = self._first.description

    def element(self, tag: int) -> Generator[bytes, None, None]:
        """The data element in pieces, its header first.

        Raises
        ------
        Rejected, Unavailable
            In place of a piece: a frame cannot be read or decoded. What was given until then is not all.
        """
        with closing(self):
            if self._target in ENCODABLE:
                yield from self._encapsulated(tag)
            else:
                yield from self._native(tag)

    def close(self) -> None:
        """Read and decode nothing more."""
        self._opened.close()

    def _fetches(self, stored: Generator[Frame, None, None]) -> Iterator[Fetch[Frame]]:
        with closing(stored):
            for frame in stored:
                yield Fetch(len(frame.content) + frame.description.frame_bytes, partial(self._made, frame))

    def _made(self, frame: Frame) -> Frame:
        native = self._worker.decoded(frame)
        return self._worker.encoded(native, self._target) if self._target in ENCODABLE else native

    def _check_size(self) -> None:
        if self._target in ENCODABLE:
            return
        if self._number_of_frames * len(self._first.content) > MAX_LENGTH:
            raise Rejected(
                RejectReason.NOT_ACCEPTABLE,
                "Uncompressed, the pixels are over the 4 GiB that an element can have; retrieve them frame by frame, "
                "or as they are stored with transfer-syntax=*.",
            )

    def _native(self, tag: int) -> Iterator[bytes]:
        frame_bytes = len(self._first.content)
        size_bytes = self._number_of_frames * frame_bytes
        vr, length = native_vr(self._first.description), size_bytes + size_bytes % 2
        yield any_element_header(tag, vr, length, implicit_vr=is_implicit_vr(self._target))
        yield self._first.content
        for frame in self._frames:
            self._check_like_first(frame)
            if len(frame.content) != frame_bytes:
                raise Rejected(RejectReason.NOT_ACCEPTABLE, "The frames of the instance are not all of one size.")
            yield frame.content
        yield bytes(size_bytes % 2)

    def _encapsulated(self, tag: int) -> Iterator[bytes]:
        yield element_header(tag, "OB", UNDEFINED_LENGTH) + _EMPTY_OFFSET_TABLE
        yield _item(self._first)
        for frame in self._frames:
            self._check_like_first(frame)
            yield _item(frame)
        yield _END_OF_ITEMS

    def _check_like_first(self, frame: Frame) -> None:
        if frame.description != self._first.description:
            raise Rejected(RejectReason.NOT_ACCEPTABLE, "The frames of the instance are not all of one kind.")


def _item(frame: Frame) -> bytes:
    size_bytes = len(frame.content)
    return ITEM_BYTES + pack("<L", size_bytes + size_bytes % 2) + frame.content + bytes(size_bytes % 2)
