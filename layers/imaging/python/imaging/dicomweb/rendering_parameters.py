"""The query of a request for a picture, PS3.18 Section 8.3.5."""

import math
import re
from collections.abc import Sequence

from imaging.dicomweb.message import Request
from imaging.errors import Rejected, RejectReason
from imaging.ports.pixels import Rendering, Viewport, Window

MAX_VIEWPORT_PIXELS = 16_384
THUMBNAIL_PIXELS = 200
DEFAULT_QUALITY = 90

_NUMBER = re.compile(r"[+-]?([0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9})([eE][+-]?[0-9]{1,2})?")
_WHOLE_NUMBER = re.compile("[0-9]{1,9}")
_FUNCTIONS = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
_IGNORED = ("annotation", "iccprofile")

_WINDOW = "window is center,width,shape: two numbers, the width above 0, and linear, linear-exact or sigmoid"
_VIEWPORT = (
    f"viewport is width,height of the picture, each from 1 to {MAX_VIEWPORT_PIXELS}, and, if a part of the image is "
    "wanted, left,top,width,height of that part"
)
_VIEWPORT_OF_THUMBNAIL = f"viewport of a thumbnail is width,height of the picture, each from 1 to {MAX_VIEWPORT_PIXELS}"
_QUALITY = "quality is a whole number from 1 to 100"


def rendering_of(request: Request, media_type: str) -> Rendering:
    """The picture that a ``rendered`` resource is asked for.

    Raises
    ------
    Rejected
        `MALFORMED_REQUEST`.
    """
    quality, window, viewport = (_value(request, name) for name in ("quality", "window", "viewport"))
    return Rendering(
        media_type=media_type,
        quality=_quality_of(quality) if quality else DEFAULT_QUALITY,
        window=_window_of(window) if window else None,
        viewport=_viewport_of(viewport) if viewport else None,
    )


def thumbnail_of(request: Request, media_type: str) -> Rendering:
    """The picture that a ``thumbnail`` is asked for.

    Raises
    ------
    Rejected
        `MALFORMED_REQUEST`.
    """
    viewport = _value(request, "viewport")
    if not viewport:
        return Rendering(media_type, viewport=Viewport(THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
    if viewport.count(",") != 1:
        raise malformed(_VIEWPORT_OF_THUMBNAIL)
    return Rendering(media_type, viewport=_viewport_of(viewport))


def ignored_parameters(request: Request) -> list[str]:
    """What was asked for and is not done; PS3.18 8.3.5.1 leaves that to the origin server."""
    return [f"The {name} parameter is not supported." for name in _IGNORED if _value(request, name)]


def _value(request: Request, name: str) -> str:
    values = [value for given, value in request.parameters if given == name]
    if len(values) > 1:
        raise malformed(f"{name} is in the query twice; give it once")
    return values[0].strip() if values else ""


def _quality_of(text: str) -> int:
    if not _WHOLE_NUMBER.fullmatch(text) or not 1 <= int(text) <= 100:
        raise malformed(_QUALITY)
    return int(text)


def _window_of(text: str) -> Window:
    center, width, function = _fields(text, 3, _WINDOW)
    if function.lower() not in _FUNCTIONS:
        raise malformed(_WINDOW)
    return window_of(center, width, _FUNCTIONS[function.lower()], _WINDOW)


def window_of(center: str, width: str, function: str, sentence: str) -> Window:
    """A window, its width checked; PS3.3 Section C.11.2.1.2."""
    window = Window(number_of(center, sentence), number_of(width, sentence), function)
    if window.width <= 0 or (function == "LINEAR" and window.width < 1):
        raise malformed(sentence)
    return window


def _viewport_of(text: str) -> Viewport:
    fields = text.split(",")
    if len(fields) not in (2, 6):
        raise malformed(_VIEWPORT)
    width, height = (_size(field) for field in fields[:2])
    left, top, source_width, source_height = (
        number_of(field, _VIEWPORT) if field.strip() else None for field in [*fields[2:], "", "", "", ""][:4]
    )
    if (left or 0) < 0 or (top or 0) < 0 or source_width == 0 or source_height == 0:
        raise malformed(_VIEWPORT)
    return Viewport(width, height, left or 0, top or 0, source_width, source_height)


def _size(text: str) -> int:
    if not _WHOLE_NUMBER.fullmatch(text.strip()) or not 1 <= int(text) <= MAX_VIEWPORT_PIXELS:
        raise malformed(_VIEWPORT)
    return int(text)


def _fields(text: str, count: int, sentence: str) -> Sequence[str]:
    fields = [field.strip() for field in text.split(",")]
    if len(fields) != count:
        raise malformed(sentence)
    return fields


def number_of(text: str, sentence: str) -> float:
    """A decimal number; `sentence` says what is expected where it is none."""
    if not _NUMBER.fullmatch(text.strip()) or not math.isfinite(float(text)):
        raise malformed(sentence)
    return float(text)


def malformed(sentence: str) -> Rejected:
    """The refusal of a request that says this wrongly; it never repeats what was sent."""
    return Rejected(RejectReason.MALFORMED_REQUEST, f"{sentence}.")
