"""A storage space for tests of reading: its manifest in the embedded DynamoDB, its bucket in memory."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from typing import Any
from uuid import uuid4

from imaging.aws.dynamodb_catalogue import DynamoDbCatalogue
from imaging.aws.dynamodb_deletions import DynamoDbStudyDeletions
from imaging.aws.dynamodb_feed_source import DynamoDbFeedSource
from imaging.aws.dynamodb_fence import DynamoDbStudyFence
from imaging.aws.dynamodb_fhir_errors import DynamoDbFhirErrors
from imaging.aws.dynamodb_index import DynamoDbInstanceIndex
from imaging.aws.dynamodb_ledger import DynamoDbLedger
from imaging.aws.dynamodb_pending import DynamoDbPendingWork
from imaging.aws.dynamodb_table import ManifestTable
from imaging.dicomweb.delete_resource import DeleteResource
from imaging.dicomweb.message import MAX_BODY_BYTES, Request, Response
from imaging.dicomweb.read_resources import ReadResources
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Door, Instance
from imaging.model.links import Links
from imaging.pipeline.compare_study import CompareStudy
from imaging.pipeline.delete_instances import DeleteInstances
from imaging.pipeline.finalize_study import Finalized, FinalizeStudy
from imaging.pipeline.index_instance import IndexInstance
from imaging.pipeline.revision_archive import RevisionArchive
from imaging.pipeline.series_metadata import SeriesMetadata
from imaging.pipeline.store_instance import StoreInstance
from imaging.pixels.worker_pool import WorkerPool
from imaging.ports.catalogue import QueryTags
from imaging.ports.manifest import Change, InstanceIndex
from imaging.reading.encode_instances import EncodeInstances
from imaging.reading.instance_header import InstanceHeaders
from imaging.reading.instance_pixels import InstancePixels
from imaging.reading.read_deliveries import ReadDeliveries
from imaging.reading.read_feed import ReadFeed
from imaging.reading.read_fhir_errors import ReadFhirErrors
from imaging.reading.read_history import ReadHistory
from imaging.reading.read_spaces import ReadSpaces
from imaging.reading.render_image import RenderImage
from imaging.reading.retrieve_bulk_data import RetrieveBulkData
from imaging.reading.retrieve_frames import RetrieveFrames
from imaging.reading.retrieve_instances import RetrieveInstances
from imaging.reading.retrieve_metadata import RetrieveMetadata
from imaging.reading.search_catalogue import MAX_ROWS_READ, SearchCatalogue
from imaging.reading.transcode_instance import TranscodeInstance
from imaging.settings import OtherBytes, Space
from tests.fakes import Clock, InMemoryObjects
from tests.instances import part10_instance, stored_metadata

BASE_ADDRESS = "https://imaging.example.org"


def parts(response: Response) -> list[tuple[dict[str, str], bytes]]:
    """Heads and contents of a body in parts."""
    boundary = response.headers["Content-Type"].rpartition("boundary=")[2].encode()
    found = []
    for part in response.body.split(b"--" + boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        lines = [line.partition(": ") for line in head.decode().strip().splitlines()]
        found.append(({name.lower(): value for name, _, value in lines}, content.removesuffix(b"\r\n")))
    return found


@cache
def pixel_worker() -> WorkerPool:
    """One for all tests."""
    return WorkerPool()


class NoQueryTags:
    """A space without extended query tags."""

    def read(self, space: str) -> QueryTags:
        return QueryTags()


class NoTimer:
    """The test finalizes by itself."""

    def arm(self, study: StudyKey, changes: int, due: object, attempt: int = 0) -> None:
        pass


class SlowWriter:
    """An index whose writes wait."""

    def __init__(self, index: InstanceIndex) -> None:
        self._index = index
        self.has_read, self.may_write = threading.Event(), threading.Event()

    def read_instance(self, key: InstanceKey) -> Instance | None:
        return self._index.read_instance(key)

    def record_changes(self, changes: Sequence[Change], at: datetime) -> list[Change]:
        self.has_read.set()
        assert self.may_write.wait(30)
        return self._index.record_changes(changes, at)


class Archive:
    """One space of its own, filled as stages 1 to 3 fill it and read as DICOMweb reads it."""

    def __init__(self, table: ManifestTable, *, max_rows_read: int = MAX_ROWS_READ, space: str = "") -> None:
        self.table = table
        self.space = space or f"space-{uuid4().hex}"
        self.objects = InMemoryObjects((self.space,))
        self.clock = Clock()
        self.catalogue = DynamoDbCatalogue(table)
        self.pending = DynamoDbPendingWork(table, publishes_to_fhir=False)
        fence, revisions = DynamoDbStudyFence(table), RevisionArchive(self.objects)
        self.rows: InstanceIndex = DynamoDbInstanceIndex(table)
        self._deletions = DynamoDbStudyDeletions(table)
        self._index = IndexInstance(self.objects, self.rows, self.clock)
        claims = count()
        self._finalize = FinalizeStudy(
            fence,
            CompareStudy(self.objects, self.objects, self.rows, self._deletions, self.clock),
            revisions,
            SeriesMetadata(self.objects, fence),
            NoTimer(),
            quiet=timedelta(0),
            clock=self.clock,
            new_claim=lambda: f"claim-{next(claims)}",
        )
        self.spaces = {self.space: Space(self.space, "bucket", "MAIN", OtherBytes.REPLACE, "")}
        self.delete_resource = self.deleting(self.rows)
        self._revisions = revisions
        self._max_rows_read = max_rows_read
        self.read = self.reading(MAX_BODY_BYTES)

    def reading(self, max_body_bytes: int | None) -> ReadResources:
        """What DICOMweb reads of it, through a process that can send so much at a time."""
        headers, pixels = InstanceHeaders(self.objects), InstancePixels(self.objects)
        retrieve = RetrieveInstances(self.catalogue, self.objects, self.objects)
        worker = pixel_worker()
        return ReadResources(
            self.spaces,
            Links(BASE_ADDRESS),
            search=SearchCatalogue(self.catalogue, self.catalogue, max_rows_read=self._max_rows_read),
            query_tags=NoQueryTags(),
            retrieve=retrieve,
            encode=EncodeInstances(retrieve, TranscodeInstance(self.objects, headers, pixels, worker)),
            metadata=RetrieveMetadata(self.catalogue, self.objects),
            bulk_data=RetrieveBulkData(self.objects, headers, pixels),
            frames=RetrieveFrames(pixels, worker),
            render=RenderImage(self.catalogue, pixels, headers, worker),
            history=ReadHistory(self.catalogue, self._revisions, self.catalogue, self.objects),
            feed=ReadFeed(DynamoDbFeedSource(self.table), self.catalogue, self.objects),
            all_spaces=ReadSpaces(self.spaces, DynamoDbFeedSource(self.table), self.pending),
            deliveries=ReadDeliveries(DynamoDbLedger(self.table), self.catalogue),
            fhir_errors=ReadFhirErrors(DynamoDbFhirErrors(self.table)),
            max_body_bytes=max_body_bytes,
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

    def send(self, study: str, series: str, instance: str, **attributes: object) -> None:
        """Store an instance through a door, which may refuse it, and index it."""
        key = self.key(study, series, instance)
        store = StoreInstance(self.objects, self.spaces, self.clock)
        store(self.space, part10_instance(key, **attributes), door=Door.STOW_RS)
        self.index_all([key])

    def send_file(self, part10: bytes) -> InstanceKey:
        """Store a file through a door and index it."""
        stored = StoreInstance(self.objects, self.spaces, self.clock)(self.space, part10, door=Door.STOW_RS)
        self.index_all([stored.key])
        return stored.key

    def put_all(self, keys: Sequence[InstanceKey], **attributes: object) -> None:
        """Store and index instances of one study together."""
        for key in keys:
            part10 = part10_instance(key, **attributes)
            self.objects.put(self.space, key.object_key, part10, stored_metadata(part10, self.clock()))
        self.index_all(keys)

    def index_all(self, keys: Sequence[InstanceKey]) -> None:
        """Index what the bucket holds under these keys."""
        assert self._index(keys) == {}

    @contextmanager
    def slow_indexer(self, key: InstanceKey) -> Iterator[None]:
        """Index an instance, and let the rest happen between its reading the object and its writing the row."""
        slow = SlowWriter(self.rows)
        indexer = threading.Thread(target=IndexInstance(self.objects, slow, self.clock), args=([key],))
        indexer.start()
        assert slow.has_read.wait(30)
        yield
        slow.may_write.set()
        indexer.join(30)
        assert not indexer.is_alive()

    def delete(self, study: str, series: str, instance: str) -> None:
        """Delete an instance and index that."""
        key = self.key(study, series, instance)
        self.objects.delete(self.space, key.object_key)
        assert self._index([key]) == {}

    def finalize(self, study: str, expected: Finalized = Finalized.REVISED) -> None:
        """Write the study's next revision, or find that there is none to write."""
        outcome = self._finalize(StudyKey(self.space, study))
        assert outcome is expected, outcome

    def deleting(self, rows: InstanceIndex, **limits: Any) -> DeleteResource:
        """DELETE, with limits or an index of its own."""
        delete = DeleteInstances(
            self.objects, self.objects, rows, self.catalogue, self._deletions, self.clock, **limits
        )
        return DeleteResource(self.spaces, delete)

    def http_delete(self, path: str) -> Response:
        """DELETE below the space; nobody indexes what it did."""
        return self.delete_resource(f"/spaces/{self.space}/{path}")

    def get(self, path: str, *parameters: tuple[str, str], **headers: str) -> Response:
        """GET below the space; headers by name in snake case."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.read(Request(f"/spaces/{self.space}/{path}", parameters, names))
