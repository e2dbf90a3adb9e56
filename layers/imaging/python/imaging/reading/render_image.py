"""Pictures of what is stored: what is an image, which frame stands for a study, and their making."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from imaging.dicom.pixel_description import PixelDescription
from imaging.errors import Rejected, RejectReason
from imaging.model.instance import Instance
from imaging.ports.catalogue import StudyContents
from imaging.ports.pixels import Frame, PixelWorker, Rendering
from imaging.reading.find_images import find_images
from imaging.reading.picture_bounds import MAX_PICTURES, within_bounds
from imaging.reading.read_ahead import Fetch, ReadAhead
from imaging.reading.rendering_headers import Headers, RenderingHeaders
from imaging.reading.target import Target

_SIDE_BY_SIDE = 4  # as many as there are workers; more would only wait for them
_NOT_AN_IMAGE = "What is asked for is not an image; the instances themselves are to be had as application/dicom."


class StoredFrames(Protocol):
    """`imaging.reading.instance_pixels.InstancePixels`."""

    def description(self, instance: Instance) -> PixelDescription:
        """How a frame of it is laid out; refused if it is no image."""

    def frames(self, instance: Instance, numbers: Sequence[int]) -> Generator[Frame, None, None]:
        """Stored frames, by numbers counted from 1."""

    def room(self, instance: Instance, numbers: Sequence[int]) -> AbstractContextManager[None]:
        """Memory for them."""


@dataclass(frozen=True)
class Picture:
    """What a picture shows.

    Attributes
    ----------
    numbers
        Of the frames, counted from 1; several make an animation.
    """

    instance: Instance
    numbers: Sequence[int]


class RenderImage:
    """Finds what a picture is made of, and has it made."""

    def __init__(self, contents: StudyContents, pixels: StoredFrames, headers: Headers, worker: PixelWorker) -> None:
        self._contents = contents
        self._pixels = pixels
        self._headers = RenderingHeaders(headers)
        self._worker = worker
        self._side_by_side = ReadAhead(side_by_side=_SIDE_BY_SIDE)

    def over(self, contents: StudyContents) -> "RenderImage":
        """The same, of what `contents` holds."""
        other = copy(self)
        other._contents = contents
        return other

    def __call__(self, picture: Picture, rendering: Rendering) -> bytes:
        """Make a picture, as a file.

        Raises
        ------
        Rejected
            `NOT_ACCEPTABLE` if it is no image, or too large, or cannot be
            decoded; `NO_SUCH_RESOURCE` if there is no such frame;
            `MALFORMED_REQUEST` if the viewport lies beside the image.
        Unavailable
        """
        instance, numbers = picture.instance, picture.numbers
        rendering = within_bounds(rendering, self._pixels.description(instance), len(numbers))
        with self._pixels.room(instance, numbers), closing(self._pixels.frames(instance, numbers)) as frames:
            return self._worker.rendered(self._headers.of(instance, numbers), frames, rendering)

    def all(self, pictures: Sequence[Picture], rendering: Rendering) -> Generator[tuple[Picture, bytes], None, None]:
        """Make pictures one after the other, some side by side; what cannot be made is left out.

        Raises
        ------
        Rejected
            None of them can be made.
        Unavailable
        """
        refusal: Rejected | None = None
        made = False
        attempts: Iterator[bytes | Rejected | Fetch[bytes | Rejected]] = (
            Fetch(0, partial(self._attempt, picture, rendering)) for picture in pictures
        )
        results: Generator[bytes | Rejected, None, None] = self._side_by_side.in_order(attempts)
        with closing(results):
            for picture, result in zip(pictures, results, strict=True):
                if isinstance(result, bytes):
                    made = True
                    yield picture, result
                else:
                    refusal = refusal or result
        if refusal and not made:
            raise refusal

    def instance(self, target: Target) -> Instance:
        """The one instance that the target names.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE`.
        """
        for instance in target.instances(self._contents):
            return instance
        raise target.not_found()

    def description(self, instance: Instance) -> PixelDescription | None:
        """How a frame of it is laid out; None if it is no image."""
        try:
            return self._pixels.description(instance)
        except Rejected as rejected:
            if rejected.reason is RejectReason.NOT_ACCEPTABLE:
                return None
            raise

    def numbers(self, instance: Instance) -> Sequence[int]:
        """Of all its frames, of which there may be very many.

        Raises
        ------
        Rejected
            `NOT_ACCEPTABLE` if it is no image.
        """
        return range(1, self._pixels.description(instance).number_of_frames + 1)

    def images(self, target: Target, *, animated: bool) -> Sequence[Picture]:
        """A picture for every image of the target, in the order of series, instances and frames.

        Parameters
        ----------
        animated
            All frames of a multi-frame image, not just the one that stands for it.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE`; `NOT_ACCEPTABLE` if nothing of it is an image; `TOO_LARGE` if too much is.
        """
        pictures: list[Picture] = []
        for instance in (one for images in find_images(self._contents, target) for one in images):
            if description := self.description(instance):
                if len(pictures) == MAX_PICTURES:
                    raise Rejected(
                        RejectReason.TOO_LARGE,
                        f"These are over {MAX_PICTURES} images; ask for one series, or one instance.",
                    )
                numbers: Sequence[int] = (
                    range(1, description.number_of_frames + 1)
                    if animated
                    else (self._representative_number(instance, description),)
                )
                pictures.append(Picture(instance, numbers))
        if not pictures:
            raise Rejected(RejectReason.NOT_ACCEPTABLE, _NOT_AN_IMAGE)
        return pictures

    def representative(self, target: Target, number: int | None = None) -> Picture:
        """The one frame that stands for a study, a series or an instance.

        It is in the middle of the first series that has images, and of a
        multi-frame image the Representative Frame Number (PS3.3 Section
        C.7.6.6) or the one in the middle, unless `number` is given.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE`; `NOT_ACCEPTABLE` if nothing of it is an image.
        """
        for images in find_images(self._contents, target):
            instance = images[len(images) // 2]
            if number is None:
                number = self._representative_number(instance, self._pixels.description(instance))
            return Picture(instance, (number,))
        raise Rejected(RejectReason.NOT_ACCEPTABLE, _NOT_AN_IMAGE)

    def _attempt(self, picture: Picture, rendering: Rendering) -> bytes | Rejected:
        try:
            return self(picture, rendering)
        except Rejected as rejected:
            return rejected

    def _representative_number(self, instance: Instance, description: PixelDescription) -> int:
        if description.number_of_frames <= 1:
            return 1
        number = self._headers.of(instance, []).get("RepresentativeFrameNumber")
        in_range = isinstance(number, int) and 1 <= number <= description.number_of_frames
        return number if in_range else (description.number_of_frames + 1) // 2
