"""How large a picture may become, so that none takes a process's memory or minute."""

from dataclasses import replace

from imaging.dicom.pixel_description import PixelDescription
from imaging.errors import Rejected, RejectReason
from imaging.ports.pixels import Rendering, Viewport

MAX_FRAME_PIXELS = 64 * 1024 * 1024
MAX_PICTURES = 10_000  # of one answer, each a part
MAX_ANIMATED_FRAMES = 500
MAX_ANIMATED_PIXELS = 50 * 1000 * 1000


def within_bounds(rendering: Rendering, description: PixelDescription, number_of_frames: int) -> Rendering:
    """A rendering that can be done: an animation of many pixels becomes smaller.

    Raises
    ------
    Rejected
        `NOT_ACCEPTABLE` if that does not help; `MALFORMED_REQUEST` if the
        viewport lies beside the image.
    """
    if description.rows * description.columns > MAX_FRAME_PIXELS:
        raise Rejected(
            RejectReason.NOT_ACCEPTABLE,
            f"A picture is made of at most {MAX_FRAME_PIXELS} pixels; take the frame as it is stored.",
        )
    if number_of_frames > MAX_ANIMATED_FRAMES:
        raise Rejected(
            RejectReason.NOT_ACCEPTABLE,
            f"An animation has at most {MAX_ANIMATED_FRAMES} frames; ask for some of them by frames/{{list}}/rendered.",
        )
    viewport = rendering.viewport
    if viewport and (viewport.left >= description.columns or viewport.top >= description.rows):
        raise Rejected(
            RejectReason.MALFORMED_REQUEST,
            f"The viewport begins beside the image, which is {description.columns} pixels wide "
            f"and {description.rows} high.",
        )
    return rendering if number_of_frames == 1 else _animated(rendering, description, number_of_frames)


def _animated(rendering: Rendering, description: PixelDescription, number_of_frames: int) -> Rendering:
    box = rendering.viewport or Viewport(description.columns, description.rows)
    scale = (MAX_ANIMATED_PIXELS / number_of_frames / (box.width * box.height)) ** 0.5
    if scale >= 1:
        return rendering
    width, height = (max(1, int(side * scale)) for side in (box.width, box.height))
    return replace(rendering, viewport=replace(box, width=width, height=height))
