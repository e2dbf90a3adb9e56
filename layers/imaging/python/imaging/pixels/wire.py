"""How a worker is spoken to over its pipes: a prefix, a head in JSON, and bytes beside it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from struct import Struct
from typing import Any

from imaging.dicom.pixel_description import PixelDescription
from imaging.ports.pixels import Rendering, Viewport, Window

PREFIX = Struct("<II")
"""Bytes of the head, and how many parts follow; the head is followed by the size of each part."""
SIZE = Struct("<Q")

MAX_HEAD_BYTES = 64 * 1024

READY = "ready"

UNREADABLE = "unreadable"
NOT_ENCODABLE = "not encodable"
"""A failure: the transfer syntax has no room for such pixels."""
NO_SUCH_COLOUR = "no such colour"
"""A failure: nothing makes RGB of such colours."""


def packed(head: Mapping[str, Any], parts: Sequence[bytes]) -> list[bytes]:
    """A message, in pieces to be written one after the other."""
    content = json.dumps(head).encode()
    sizes = b"".join(SIZE.pack(len(part)) for part in parts)
    return [PREFIX.pack(len(content), len(parts)) + content + sizes, *(part for part in parts if part)]


def left(views: Sequence[memoryview], written: int) -> list[memoryview]:
    """What is still to be written of a message, after so many bytes."""
    views = list(views)
    while views and written >= len(views[0]):
        written -= len(views.pop(0))
    return [views[0][written:], *views[1:]] if views else []


def sizes_of(content: bytes) -> list[int]:
    """The sizes of the parts of a message."""
    return [size for (size,) in SIZE.iter_unpack(content)]


def described(description: PixelDescription) -> dict[str, Any]:
    """A description for a head."""
    return asdict(description)


def description_of(found: Mapping[str, Any], like: PixelDescription) -> PixelDescription:
    """A description from a head; `like` says which values there are, and of which type.

    Raises
    ------
    ValueError
        It is none.
    """
    expected = described(like)
    if set(found) != set(expected) or not all(isinstance(expected[name], type(found[name])) for name in expected):
        raise ValueError("not a pixel description")
    return PixelDescription(**found)


def rendering_head(rendering: Rendering) -> dict[str, Any]:
    """A rendering for a head."""
    return asdict(rendering)


def rendering_of(found: Mapping[str, Any]) -> Rendering:
    """A rendering from a head."""
    window, viewport = found["window"], found["viewport"]
    return Rendering(
        media_type=found["media_type"],
        quality=found["quality"],
        window=Window(**window) if window else None,
        viewport=Viewport(**viewport) if viewport else None,
    )
