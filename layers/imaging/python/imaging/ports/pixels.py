"""Decodes, encodes and renders pixels, apart from the process that asks: a decoder may crash or run wild."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from pydicom import Dataset

from imaging.dicom.pixel_description import PixelDescription


@dataclass(frozen=True)
class Frame:
    """The bytes of one frame, and how they are laid out.

    Attributes
    ----------
    content
        Uncompressed: the frame's part of the value, with the byte order of the
        description's transfer syntax. Compressed: its fragments joined.
    """

    content: bytes
    description: PixelDescription


@dataclass(frozen=True)
class Window:
    """How stored values become grey, in place of what the instance says; PS3.3 Section C.11.2.

    Attributes
    ----------
    function
        ``LINEAR``, ``LINEAR_EXACT`` or ``SIGMOID``.
    """

    center: float
    width: float
    function: str = "LINEAR"


@dataclass(frozen=True)
class Viewport:
    """The size of a picture and the part of the image that it shows; PS3.18 Section 8.3.5.1.3.

    Attributes
    ----------
    width, height
        Of the picture at most, in pixels; the image keeps its proportions.
    left, top, source_width, source_height
        The part of the image, in its pixels; None: to its end. A negative size mirrors it.
    """

    width: int
    height: int
    left: float = 0
    top: float = 0
    source_width: float | None = None
    source_height: float | None = None


@dataclass(frozen=True)
class Rendering:
    """The picture that is wished for.

    Attributes
    ----------
    media_type
        ``image/jpeg``, ``image/png`` or ``image/gif``; several frames make an animated one.
    quality
        Of a JPEG, 1 to 100.
    window, viewport
        None: as the instance says; as large as the image.
    """

    media_type: str
    quality: int = 90
    window: Window | None = None
    viewport: Viewport | None = None


class PixelWorker(Protocol):
    """Works on frames; safe to call from many threads.

    All methods raise `imaging.errors.Rejected` (`NOT_ACCEPTABLE`, with a
    sentence) when the pixels cannot be read, whatever went wrong in their
    decoder, and `imaging.errors.Unavailable` when no worker was free in time.
    """

    def decoded(self, frame: Frame) -> Frame:
        """The frame uncompressed, as in Explicit VR Little Endian, with its description as the decoder changed it.

        Colour by pixel, YBR made RGB where the transfer syntax compresses YBR.
        """

    def encoded(self, frame: Frame, transfer_syntax_uid: str) -> Frame:
        """An uncompressed frame in a lossless compressed transfer syntax."""

    def rendered(self, header: Dataset, frames: Iterable[Frame], rendering: Rendering) -> bytes:
        """The picture of one frame, or of several as an animation, which are taken one after the other.

        Parameters
        ----------
        header
            What `imaging.dicom.rendering_header.rendering_header` makes of the instance for these frames.
        """
