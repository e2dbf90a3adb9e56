"""The bodies in which instances go out, PS3.18 Section 8.6."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing

from imaging.dicomweb.media_types import DICOM
from imaging.dicomweb.multipart_body import BodyPart, Boundary
from imaging.dicomweb.zip_body import ZipEntry, entry_name
from imaging.model.instance import Instance
from imaging.model.links import Links
from imaging.reading.encode_instances import Encoded, Encoding
from imaging.reading.retrieve_instances import Extent, Part


def instance_media_type(encoding: Encoding) -> str:
    """The Content-Type of one instance, with the transfer syntax its bytes are in."""
    return f"{DICOM}; transfer-syntax={encoding.transfer_syntax_uid}"


class StoredInstances:
    """Instances as they are stored, as multipart/related, PS3.18 8.6.1.2.

    Going through it again gives the same parts, so that its size is known before anything is fetched.
    """

    def __init__(self, instances: Sequence[Instance], links: Links) -> None:
        self._instances = instances
        self._links = links
        self._boundary = Boundary()

    @property
    def content_type(self) -> str:
        """The media type, with the boundary."""
        return self._boundary.content_type(DICOM)

    def __iter__(self) -> Iterator[Part]:
        for instance in self._instances:
            stored = Encoding(instance, instance.arrival.transfer_syntax_uid)
            yield self._boundary.head(instance_media_type(stored), self._links.instance(instance.key))
            yield Extent.whole(instance)
            yield b"\r\n"
        yield self._boundary.end


def instance_parts(encoded: Generator[Encoded, None, None], links: Links) -> Generator[BodyPart, None, None]:
    """Instances, each as a part, as they are made."""
    with closing(encoded):
        for one in encoded:
            location = links.instance(one.encoding.instance.key)
            yield BodyPart(instance_media_type(one.encoding), location, one.pieces)


def instance_files(encoded: Generator[Encoded, None, None]) -> Generator[ZipEntry, None, None]:
    """Instances, each as a file of a ZIP, as they are made."""
    with closing(encoded):
        for one in encoded:
            instance = one.encoding.instance
            size_bytes = instance.size_bytes if one.encoding.is_as_stored else None
            yield ZipEntry(entry_name(instance.key), one.pieces, size_bytes)
