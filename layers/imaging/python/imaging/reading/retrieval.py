"""Everything that PS3.18 retrieves, over one view of what is stored."""

from dataclasses import dataclass, replace

from imaging.ports.catalogue import StudyContents
from imaging.reading.encode_instances import EncodeInstances
from imaging.reading.render_image import RenderImage
from imaging.reading.retrieve_bulk_data import RetrieveBulkData
from imaging.reading.retrieve_frames import RetrieveFrames
from imaging.reading.retrieve_instances import RetrieveInstances
from imaging.reading.retrieve_metadata import RetrieveMetadata


@dataclass(frozen=True)
class Retrieval:
    """The use cases; they share threads and memory, whatever they look at."""

    retrieve: RetrieveInstances
    encode: EncodeInstances
    metadata: RetrieveMetadata
    bulk_data: RetrieveBulkData
    frames: RetrieveFrames
    render: RenderImage

    def over(self, contents: StudyContents) -> "Retrieval":
        """The same, of what `contents` holds."""
        return replace(
            self,
            retrieve=self.retrieve.over(contents),
            metadata=self.metadata.over(contents),
            render=self.render.over(contents),
        )
