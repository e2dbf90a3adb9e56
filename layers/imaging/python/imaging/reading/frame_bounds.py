"""Which frames can be given one by one, and of what size, so that none takes a process's memory."""

from collections.abc import Sequence

from imaging.dicom.pixel_layout import PixelLayout
from imaging.dicom.transfer_syntaxes import is_video
from imaging.errors import Rejected, RejectReason

MAX_FRAME_BYTES = 128 * 1024 * 1024


def check_layout(layout: PixelLayout, file_bytes: int) -> None:
    """Refuse what says nothing of its frames, or counts others than there are.

    A video is let pass: it has no frames to be found, see `check_frames`.

    Raises
    ------
    Rejected
        `NOT_ACCEPTABLE`.
    """
    description = layout.description
    if not all((description.rows, description.columns, description.samples_per_pixel, description.bits_allocated)):
        raise _not_acceptable("The instance does not say how its pixels are laid out")
    if is_video(description.transfer_syntax_uid):
        return
    if not layout.has_frames or (layout.is_deflated and layout.is_encapsulated):
        raise _not_acceptable("It cannot be told where the frames of the instance begin")
    if layout.lacks_frames(file_bytes):
        raise _not_acceptable(f"The instance counts {description.number_of_frames} frames and its pixels are fewer")


def check_frames(layout: PixelLayout, numbers: Sequence[int]) -> None:
    """Refuse frames that there are not, or that are too large.

    Raises
    ------
    Rejected
        `NO_SUCH_RESOURCE`, `NOT_ACCEPTABLE`.
    """
    description = layout.description
    if is_video(description.transfer_syntax_uid):
        raise _not_acceptable("The instance is a video, one stream whose frames cannot be read one by one")
    ends = (*numbers[:1], *numbers[-1:]) if isinstance(numbers, range) else numbers  # there may be very many between
    if any(not 1 <= number <= description.number_of_frames for number in ends):
        raise Rejected(
            RejectReason.NO_SUCH_RESOURCE,
            f"The instance has {description.number_of_frames} frames, counted from 1; ask for one of them.",
        )
    if largest_frame(layout, numbers) > MAX_FRAME_BYTES:
        raise _not_acceptable(f"A frame is larger than {MAX_FRAME_BYTES // 1024 // 1024} MiB")


def largest_frame(layout: PixelLayout, numbers: Sequence[int]) -> int:
    """How many bytes are read for the largest of these frames."""
    sizes = (layout.frame_range(number) for number in (numbers if layout.is_encapsulated else numbers[:1]))
    return max((end - first for first, end in sizes), default=0)


def _not_acceptable(sentence: str) -> Rejected:
    return Rejected(RejectReason.NOT_ACCEPTABLE, f"{sentence}; retrieve the whole instance.")
