"""The bodies in which instances go out, PS3.18 Section 8.6."""

import secrets
from collections.abc import Iterator, Sequence

from imaging.dicomweb.media_types import DICOM, MULTIPART
from imaging.model.instance import Instance
from imaging.model.links import Links
from imaging.reading.retrieve_instances import Extent, Part


def instance_media_type(instance: Instance) -> str:
    """The Content-Type of one instance, with the transfer syntax its bytes are in."""
    return f"{DICOM}; transfer-syntax={instance.arrival.transfer_syntax_uid}"


class MultipartBody:
    """Instances as multipart/related, PS3.18 8.6.1.2; each part says where it can be had alone.

    Going through it again gives the same parts, so that its size is known before anything is fetched.
    """

    def __init__(self, instances: Sequence[Instance], links: Links) -> None:
        self._instances = instances
        self._links = links
        self._boundary = secrets.token_hex(16)  # 128 random bits: in none of the parts

    @property
    def content_type(self) -> str:
        """The media type, with the boundary."""
        return f'{MULTIPART}; type="{DICOM}"; boundary={self._boundary}'

    def __iter__(self) -> Iterator[Part]:
        for instance in self._instances:
            location = self._links.instance(instance.key)
            head = f"Content-Type: {instance_media_type(instance)}\r\nContent-Location: {location}"
            yield f"--{self._boundary}\r\n{head}\r\n\r\n".encode()
            yield Extent.whole(instance)
            yield b"\r\n"
        yield f"--{self._boundary}--\r\n".encode()
