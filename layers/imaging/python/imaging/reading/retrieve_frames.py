"""Retrieve frames: as they are stored, uncompressed, or compressed anew."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from functools import partial

from imaging.dicom.native_frame import little_endian
from imaging.dicom.pixel_description import PIXEL_DATA, PixelDescription
from imaging.dicom.transfer_syntaxes import DECODABLE, ENCODABLE, NATIVE
from imaging.model.instance import Instance
from imaging.ports.pixels import Frame, PixelWorker
from imaging.reading.instance_pixels import InstancePixels
from imaging.reading.read_ahead import Fetch, ReadAhead

_SIDE_BY_SIDE = 4  # about as many as there are workers


class RetrieveFrames:
    """Reads frames, and has them decoded and encoded side by side and ahead, in their order."""

    def __init__(self, pixels: InstancePixels, worker: PixelWorker) -> None:
        self._pixels = pixels
        self._worker = worker
        # Threads of its own: those that wait for a worker would keep others from reading.
        self._work_ahead = ReadAhead(side_by_side=_SIDE_BY_SIDE)

    def description(self, instance: Instance) -> PixelDescription:
        """As `imaging.reading.instance_pixels.InstancePixels.description`."""
        return self._pixels.description(instance)

    def can_decode(self, description: PixelDescription) -> bool:
        """Whether `uncompressed` gives frames like these; a broken one may still turn out not to be readable."""
        return description.transfer_syntax_uid in NATIVE | DECODABLE

    def can_encode(self, description: PixelDescription, transfer_syntax_uid: str) -> bool:
        """Whether `compressed` gives frames like these; a worker may still find that their bits have no room."""
        return (
            transfer_syntax_uid in ENCODABLE
            and self.can_decode(description)
            and description.tag == PIXEL_DATA
            and description.bits_allocated in {8, 16, 32}
        )

    def stored(self, instance: Instance, numbers: Sequence[int]) -> Generator[Frame, None, None]:
        """Frames as they are stored; they, and what is raised, as `InstancePixels.frames` has it."""
        frames = self._pixels.frames(instance, numbers)
        return _in_room(frames, self._pixels.room(instance, numbers, as_stored=True))

    def uncompressed(self, instance: Instance, numbers: Sequence[int]) -> Generator[Frame, None, None]:
        """Frames as they would be in Explicit VR Little Endian.

        Raises
        ------
        Rejected
            As `stored`; with a frame: `NOT_ACCEPTABLE` if it cannot be decoded.
        Unavailable
            With a frame: it cannot be read, or no worker was free in time.
        """
        frames = self._pixels.frames(instance, numbers)
        is_native = self.description(instance).transfer_syntax_uid in NATIVE
        made = _in_little_endian(frames) if is_native else self._worked_on(frames, self._worker.decoded)
        return _in_room(made, self._pixels.room(instance, numbers))

    def compressed(
        self, instance: Instance, numbers: Sequence[int], transfer_syntax_uid: str
    ) -> Generator[Frame, None, None]:
        """Frames in a lossless compressed transfer syntax.

        Raises
        ------
        Rejected, Unavailable
            As `uncompressed`.
        """
        frames = self._pixels.frames(instance, numbers)
        made = self._worked_on(frames, partial(self._encoded, transfer_syntax_uid=transfer_syntax_uid))
        return _in_room(made, self._pixels.room(instance, numbers))

    def _encoded(self, frame: Frame, transfer_syntax_uid: str) -> Frame:
        return self._worker.encoded(self._worker.decoded(frame), transfer_syntax_uid)

    def _worked_on(
        self, frames: Generator[Frame, None, None], work: Callable[[Frame], Frame]
    ) -> Generator[Frame, None, None]:
        with closing(frames):
            parts: Iterator[Frame | Fetch[Frame]] = (Fetch(_held_bytes(one), partial(work, one)) for one in frames)
            with closing(self._work_ahead.in_order(parts)) as done:
                yield from done


def _in_room(frames: Generator[Frame, None, None], room: AbstractContextManager[None]) -> Generator[Frame, None, None]:
    with closing(frames), room:
        yield from frames


def _in_little_endian(frames: Generator[Frame, None, None]) -> Generator[Frame, None, None]:
    with closing(frames):
        for frame in frames:
            yield Frame(*little_endian(frame.content, frame.description))


def _held_bytes(frame: Frame) -> int:
    """What the frame holds of memory, compressed and not."""
    return len(frame.content) + frame.description.frame_bytes
