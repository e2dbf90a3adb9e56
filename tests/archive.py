"""A storage space for tests of reading: its manifest in the embedded DynamoDB, its bucket in memory."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from uuid import uuid4

from imaging.aws.dynamodb_catalogue import DynamoDbCatalogue
from imaging.aws.dynamodb_fence import DynamoDbStudyFence
from imaging.aws.dynamodb_index import DynamoDbInstanceIndex
from imaging.aws.dynamodb_table import ManifestTable
from imaging.dicomweb.message import Request, Response
from imaging.dicomweb.read_resources import ReadResources
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.links import Links
from imaging.pipeline.finalize_study import Finalized, FinalizeStudy
from imaging.pipeline.index_instance import IndexInstance
from imaging.pipeline.revision_archive import RevisionArchive
from imaging.pipeline.series_metadata import SeriesMetadata
from imaging.reading.read_history import ReadHistory
from imaging.reading.retrieve_instances import RetrieveInstances
from imaging.reading.retrieve_metadata import RetrieveMetadata
from imaging.reading.search_catalogue import MAX_ROWS_READ, SearchCatalogue
from imaging.settings import OtherBytes, Space
from tests.fakes import Clock, InMemoryObjects
from tests.instances import part10_instance, stored_metadata

BASE_ADDRESS = "https://imaging.example.org"


class NoTimer:
    """The test finalizes by itself."""

    def arm(self, study: StudyKey, changes: int, due_at: object, attempt: int = 0) -> None:
        pass


class Archive:
    """One space of its own, filled as stages 1 to 3 fill it and read as DICOMweb reads it."""

    def __init__(self, table: ManifestTable, *, max_rows_read: int = MAX_ROWS_READ) -> None:
        self.space = f"space-{uuid4().hex}"
        self.objects = InMemoryObjects((self.space,))
        self.clock = Clock()
        self.catalogue = DynamoDbCatalogue(table)
        fence, revisions = DynamoDbStudyFence(table), RevisionArchive(self.objects)
        self._index = IndexInstance(self.objects, DynamoDbInstanceIndex(table), self.clock)
        claims = count()
        self._finalize = FinalizeStudy(
            fence,
            self.objects,
            revisions,
            SeriesMetadata(self.objects, fence),
            NoTimer(),
            quiet=timedelta(0),
            clock=self.clock,
            new_claim=lambda: f"claim-{next(claims)}",
        )
        self.read = ReadResources(
            {self.space: Space(self.space, "bucket", "MAIN", OtherBytes.REPLACE, "")},
            Links(BASE_ADDRESS),
            search=SearchCatalogue(self.catalogue, self.catalogue, max_rows_read=max_rows_read),
            retrieve=RetrieveInstances(self.catalogue, self.objects, self.objects),
            metadata=RetrieveMetadata(self.catalogue, self.objects),
            history=ReadHistory(self.catalogue, revisions),
        )

    @property
    def address(self) -> str:
        """The space's DICOMweb root."""
        return f"{BASE_ADDRESS}/spaces/{self.space}"

    def key(self, study: str, series: str, instance: str) -> InstanceKey:
        """A key in this space."""
        return InstanceKey(self.space, study, series, instance)

    def store(self, study: str, series: str, instance: str, **attributes: object) -> bytes:
        """Store and index an instance; its bytes."""
        key = self.key(study, series, instance)
        self.put_all([key], **attributes)
        return part10_instance(key, **attributes)

    def put_all(self, keys: Sequence[InstanceKey], **attributes: object) -> None:
        """Store and index instances of one study together."""
        for key in keys:
            part10 = part10_instance(key, **attributes)
            self.objects.put(self.space, key.object_key, part10, stored_metadata(part10, self.clock()))
        assert self._index(keys) == {}

    def delete(self, study: str, series: str, instance: str) -> None:
        """Delete an instance and index that."""
        key = self.key(study, series, instance)
        self.objects.delete(self.space, key.object_key)
        assert self._index([key]) == {}

    def finalize(self, study: str) -> None:
        """Write the study's next revision."""
        outcome = self._finalize(StudyKey(self.space, study))
        assert outcome is Finalized.REVISED, outcome

    def get(self, path: str, *parameters: tuple[str, str], **headers: str) -> Response:
        """GET below the space; headers by name in snake case."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.read(Request(f"/spaces/{self.space}/{path}", parameters, names))
