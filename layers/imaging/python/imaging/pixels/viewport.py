"""The part of a picture that is wished for, in the size that is wished for; PS3.18 Section 8.3.5.1.3."""

from PIL import Image
from PIL.Image import Resampling, Transpose
from pydicom import Dataset

from imaging.ports.pixels import Viewport

MAX_SIDE = 65_500  # of a JPEG
MAX_PIXELS = 64 * 1024 * 1024
_MAX_STRETCH = 20


def pixel_height(header: Dataset) -> float:
    """The height of a pixel, in widths of one; PS3.3 Sections C.7.6.3.1.7 and 10.7.1.3."""
    for keyword in ("PixelSpacing", "PixelAspectRatio"):
        values = header.get(keyword)
        if values is not None and len(values) == 2 and all(float(value) > 0 for value in values):
            height = float(values[0]) / float(values[1])
            # A hundredth less or more is a rounding of the spacing, and no reason to blur a picture.
            return height if abs(height - 1) > 0.01 and 1 / _MAX_STRETCH <= height <= _MAX_STRETCH else 1
    return 1


def framed(picture: Image.Image, viewport: Viewport | None, height_of_pixel: float = 1) -> Image.Image:
    """Cut out, mirror and scale.

    Without a viewport the picture has a pixel for each of the image, with more
    of them one way where those are not square. The result has true proportions,
    and at most `MAX_PIXELS`.
    """
    left, top, right, bottom = _region(picture, viewport)
    width = (right - left) * max(1, 1 / height_of_pixel)
    height = (bottom - top) * max(1, height_of_pixel)
    scale = min(viewport.width / width, viewport.height / height) if viewport else 1
    scale = min(scale, MAX_SIDE / width, MAX_SIDE / height, (MAX_PIXELS / (width * height)) ** 0.5)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if picture.size != size or (left, top, right, bottom) != (0, 0, *size):
        picture = picture.resize(size, Resampling.LANCZOS, box=(left, top, right, bottom))
    if viewport and (viewport.source_width or 0) < 0:
        picture = picture.transpose(Transpose.FLIP_LEFT_RIGHT)
    if viewport and (viewport.source_height or 0) < 0:
        picture = picture.transpose(Transpose.FLIP_TOP_BOTTOM)
    return picture


def _region(picture: Image.Image, viewport: Viewport | None) -> tuple[float, float, float, float]:
    """Left, top, right, bottom; what lies outside the image is left out."""
    if viewport is None:
        return 0, 0, picture.width, picture.height
    left, top = viewport.left, viewport.top
    right = picture.width if viewport.source_width is None else min(left + abs(viewport.source_width), picture.width)
    bottom = (
        picture.height if viewport.source_height is None else min(top + abs(viewport.source_height), picture.height)
    )
    if left >= right or top >= bottom:
        raise ValueError("a viewport beside the image")
    return left, top, right, bottom
