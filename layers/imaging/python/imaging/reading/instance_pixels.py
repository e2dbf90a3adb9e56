"""The frames of a stored instance, each read where it lies."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import islice

from imaging.dicom.fragments import content_of
from imaging.dicom.header import read_header
from imaging.dicom.native_frame import native_frame
from imaging.dicom.pixel_description import PixelDescription
from imaging.dicom.pixel_layout import PixelLayout
from imaging.errors import Rejected, RejectReason
from imaging.model.instance import Instance
from imaging.ports.objects import ObjectStore
from imaging.ports.pixels import Frame
from imaging.reading.frame_bounds import check_frames, check_layout, largest_frame
from imaging.reading.instance_source import ForwardSource, InstanceSource
from imaging.reading.pixel_layouts import PixelLayouts
from imaging.reading.read_ahead import MAX_BYTES_AHEAD, Fetch, MiB, ReadAhead
from imaging.reading.room import Room

MAX_PIECE_BYTES = 8 * MiB
MAX_BYTES_OF_LARGE_FRAMES = 512 * MiB
"""What the large frames under way in a process hold together; `ReadAhead` bounds the small ones."""


@dataclass(frozen=True)
class _Run:
    """Frames that lie one behind the other and are read together."""

    numbers: range
    first: int
    end: int


class InstancePixels:
    """Finds and reads frames by ranges of the object version that the row speaks of.

    Parameters
    ----------
    read_ahead
        Shared by all answers of a process.
    layouts
        Shared with who else asks for them.
    room
        For large frames under way, shared by all answers of a process.
    """

    def __init__(
        self,
        objects: ObjectStore,
        read_ahead: ReadAhead | None = None,
        layouts: PixelLayouts | None = None,
        room: Room | None = None,
    ) -> None:
        self._objects = objects
        self._read_ahead = read_ahead or ReadAhead()
        self._layouts = layouts or PixelLayouts(objects)
        self._room = room or Room(MAX_BYTES_OF_LARGE_FRAMES)

    def layout(self, instance: Instance) -> PixelLayout:
        """Where the pixels lie.

        Raises
        ------
        Rejected
            `NOT_ACCEPTABLE` if there are none.
        Unavailable
            It cannot be read.
        """
        return self._layouts.of(instance)

    def description(self, instance: Instance) -> PixelDescription:
        """How a frame is laid out.

        Raises
        ------
        Rejected
            `NOT_ACCEPTABLE` if there are no pixels, what describes them is
            missing, or their frames are not those that it counts.
        """
        layout = self.layout(instance)
        check_layout(layout, instance.size_bytes)
        return layout.description

    def room(
        self, instance: Instance, numbers: Sequence[int], *, as_stored: bool = False
    ) -> AbstractContextManager[None]:
        """Memory for one of these frames, which all answers share; to be held while they are under way.

        Parameters
        ----------
        as_stored
            Nothing is made of it; else it is held as it is read, on its way to a worker, and made.

        Raises
        ------
        Rejected
            As `frames`.
        Unavailable
            When it is entered: there was no room in time.
        """
        layout = self.layout(instance)
        check_frames(layout, numbers)
        stored_bytes = largest_frame(layout, numbers)
        size_bytes = stored_bytes if as_stored else 2 * stored_bytes + layout.description.frame_bytes
        return self._room.held(size_bytes) if size_bytes > MAX_BYTES_AHEAD else nullcontext()

    def frames(self, instance: Instance, numbers: Sequence[int]) -> Generator[Frame, None, None]:
        """The stored frames with these numbers, counted from 1, in that order.

        Frames that are neighbours, and asked for as such, are read together.
        Memory holds what is read ahead, whatever the number of frames.

        Raises
        ------
        Rejected
            Before the first frame: `NO_SUCH_RESOURCE` for a number that the
            instance has not, `NOT_ACCEPTABLE` as `description`, of a video and
            of frames over 128 MiB. With a frame: `NOT_ACCEPTABLE` if it is not
            all there.
        Unavailable
            With a frame: it cannot be read.
        """
        self.description(instance)
        layout = self.layout(instance)
        check_frames(layout, numbers)
        return self._deflated(instance, layout, numbers) if layout.is_deflated else self._ranged(instance, numbers)

    def _ranged(self, instance: Instance, numbers: Sequence[int]) -> Generator[Frame, None, None]:
        layout, given = self.layout(instance), 0
        try:
            for frame in self._read(instance, layout, numbers):
                yield frame
                given += 1
        except Rejected:
            anew = self._layouts.found_anew(instance) if layout.is_encapsulated else layout
            if anew == layout:
                raise
            check_frames(anew, numbers)
            yield from self._read(instance, anew, numbers[given:])

    def _read(self, instance: Instance, layout: PixelLayout, numbers: Sequence[int]) -> Generator[Frame, None, None]:
        source = InstanceSource(self._objects, instance)
        pieces: Iterator[bytes | Fetch[bytes]] = (
            Fetch(last + 1 - first, partial(source.read_range, first, last))
            for run in _runs(layout, numbers)
            for first, last in _pieces(run, source.size_bytes)
        )
        with closing(self._read_ahead.in_order(pieces)) as read:
            for run in _runs(layout, numbers):
                count = sum(1 for _ in _pieces(run, source.size_bytes))
                content = b"".join(islice(read, count)) if count != 1 else next(read)
                yield from _cut(layout, run, content)

    def _deflated(
        self, instance: Instance, layout: PixelLayout, numbers: Sequence[int]
    ) -> Generator[Frame, None, None]:
        source = InstanceSource(self._objects, instance)
        inflated = ForwardSource(source, read_header(source, keep_sequences=False).data_set_offset)
        for run in _runs(layout, numbers):
            yield from _cut(layout, run, inflated.read_range(run.first, run.end - 1))


def _runs(layout: PixelLayout, numbers: Sequence[int]) -> Iterator[_Run]:
    """Put together what lies and is asked for one behind the other, up to a piece."""
    run: _Run | None = None
    for number in numbers:
        first, end = layout.frame_range(number)
        if run and number == run.numbers[-1] + 1 and end - run.first <= MAX_PIECE_BYTES:
            run = _Run(range(run.numbers[0], number + 1), run.first, end)
            continue
        if run:
            yield run
        run = _Run(range(number, number + 1), first, end)
    if run:
        yield run


def _pieces(run: _Run, size_bytes: int) -> Iterator[tuple[int, int]]:
    """The first and the last byte of each piece that is read by itself."""
    end = min(run.end, size_bytes)
    for first in range(run.first, end, MAX_PIECE_BYTES):
        yield first, min(first + MAX_PIECE_BYTES, end) - 1


def _cut(layout: PixelLayout, run: _Run, content: bytes) -> Iterator[Frame]:
    for number in run.numbers:
        first, end = layout.frame_range(number)
        part = content if len(run.numbers) == 1 else content[first - run.first : end - run.first]
        if len(part) < end - first:
            raise Rejected(
                RejectReason.NOT_ACCEPTABLE, "The pixels of the instance end before this frame does; send it again."
            )
        yield Frame(
            content_of(part) if layout.is_encapsulated else native_frame(layout, number, part), layout.description
        )
