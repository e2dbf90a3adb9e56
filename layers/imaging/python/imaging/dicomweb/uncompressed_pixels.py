"""Compressed pixels as the one value that they are when uncompressed; PS3.18 Section 8.7.3.3."""

from collections.abc import Generator
from contextlib import closing

from pydicom.uid import ExplicitVRLittleEndian

from imaging.dicom.pixel_description import PixelDescription
from imaging.dicomweb.media_types import OCTET_STREAM, Form
from imaging.model.instance import Instance
from imaging.reading.retrieve_frames import RetrieveFrames


class UncompressedPixels:
    """Decodes an instance's frames one after the other."""

    def __init__(self, frames: RetrieveFrames) -> None:
        self._frames = frames

    def suits(self, form: Form, description: PixelDescription) -> bool:
        """Whether the client takes pixels so, and they can be made."""
        return (
            form.offer.media_type == OCTET_STREAM
            and form.transfer_syntax_uid in ("", ExplicitVRLittleEndian)
            and self._frames.can_decode(description)
        )

    def pieces(self, instance: Instance, description: PixelDescription) -> Generator[bytes, None, None]:
        """The value, frame by frame."""
        numbers = range(1, description.number_of_frames + 1)
        with closing(self._frames.uncompressed(instance, numbers)) as frames:
            for frame in frames:
                yield frame.content
