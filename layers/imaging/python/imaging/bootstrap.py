"""Composes each process from use cases and adapters; the only place that names an adapter.

Every function takes the process's environment (`imaging.settings`) and reads
just what that process uses.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from imaging.aws.dynamodb_catalogue import DynamoDbCatalogue
from imaging.aws.dynamodb_deletions import DynamoDbStudyDeletions
from imaging.aws.dynamodb_fence import DynamoDbStudyFence
from imaging.aws.dynamodb_index import DynamoDbInstanceIndex
from imaging.aws.dynamodb_pending import DynamoDbPendingWork
from imaging.aws.dynamodb_query_tags import DynamoDbAttributeRewriting, DynamoDbQueryTagStates, DynamoDbTagRegisters
from imaging.aws.dynamodb_restoration import DynamoDbStudyRestoration
from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.event_bus import EventBridgeBus
from imaging.aws.manifest_stream import read_stream_record
from imaging.aws.s3_objects import S3Objects
from imaging.aws.study_timer import StepFunctionsTimer
from imaging.aws.work_queue import WorkQueue
from imaging.dicomweb.cross_origin import CrossOrigin
from imaging.dicomweb.delete_resource import DeleteResource
from imaging.dicomweb.message import MAX_BODY_BYTES
from imaging.dicomweb.read_resources import ReadResources
from imaging.dicomweb.store_resource import StoreResource
from imaging.model.links import Links
from imaging.model.study import Study
from imaging.pipeline.announce_change import AnnounceChange
from imaging.pipeline.back_fill import BackFill, Stores, Warn
from imaging.pipeline.compare_study import CompareStudy
from imaging.pipeline.delete_instances import DeleteInstances
from imaging.pipeline.finalize_study import FinalizeStudy
from imaging.pipeline.index_instance import IndexInstance
from imaging.pipeline.large_deletion import LargeDeletions
from imaging.pipeline.reconcile import Reconcile
from imaging.pipeline.restore_study import RestoreStudy
from imaging.pipeline.revision_archive import RevisionArchive
from imaging.pipeline.series_metadata import SeriesMetadata
from imaging.pipeline.store_drop import StoreDrop
from imaging.pipeline.store_instance import StoreInstance
from imaging.pipeline.sweep import Sweep
from imaging.pixels.worker_pool import WorkerPool
from imaging.ports.manifest import CommittedRevision, UnannouncedChange
from imaging.reading.encode_instances import EncodeInstances
from imaging.reading.instance_header import InstanceHeaders
from imaging.reading.instance_pixels import InstancePixels
from imaging.reading.read_ahead import ReadAhead
from imaging.reading.read_history import ReadHistory
from imaging.reading.render_image import RenderImage
from imaging.reading.retrieve_bulk_data import RetrieveBulkData
from imaging.reading.retrieve_frames import RetrieveFrames
from imaging.reading.retrieve_instances import RetrieveInstances
from imaging.reading.retrieve_metadata import RetrieveMetadata
from imaging.reading.search_catalogue import SearchCatalogue
from imaging.reading.status import ReadStatus
from imaging.reading.transcode_instance import TranscodeInstance
from imaging.settings import Settings

if TYPE_CHECKING:
    from imaging.pipeline.publish_study import PublishStudy

Environment = Mapping[str, str]

STORE_TIME_LIMIT = timedelta(seconds=22)  # of the 28 that the function has
MAX_DROPPED_OBJECT_BYTES = 1024**3  # twice that, and the interpreter, fit the function's memory


@dataclass(frozen=True)
class Publishing:
    """Stage 5, and how a message is put off after so many tries."""

    publish: "PublishStudy"
    put_off: Callable[[str, int], None]


def now() -> datetime:
    """The moment, UTC; the one clock of all processes."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Gateway:
    """STOW-RS, and everything that DICOMweb reads."""

    store: StoreResource
    read: ReadResources
    cross_origin: CrossOrigin


@dataclass(frozen=True)
class Indexing:
    """Stage 2, and how an S3 event's bucket names a space."""

    index: IndexInstance
    space_of_bucket: Mapping[str, str]


@dataclass(frozen=True)
class Dropping:
    """The bulk drop, and how an S3 event's bucket names a space."""

    store: StoreDrop
    space_of_bucket: Mapping[str, str]


@dataclass(frozen=True)
class Announcing:
    """Stage 4, and how a stream record is read."""

    announce: AnnounceChange
    read: Callable[[dict[str, Any] | None, dict[str, Any] | None], UnannouncedChange | CommittedRevision | Study | None]


def _table(settings: Settings) -> ManifestTable:
    return ManifestTable(settings["MANIFEST_TABLE"])


def _pending(settings: Settings) -> DynamoDbPendingWork:
    return DynamoDbPendingWork(_table(settings), publishes_to_fhir=settings.get("PUBLISHES_TO_FHIR") == "yes")


def _timer(settings: Settings) -> StepFunctionsTimer:
    return StepFunctionsTimer(settings["STUDY_TIMER_ARN"])


def _links(settings: Settings) -> Links:
    return Links(settings["PUBLIC_BASE_ADDRESS"])


def _indexer(settings: Settings) -> IndexInstance:
    return IndexInstance(S3Objects(settings.spaces), _index(settings), now, query_tags=settings.query_tags)


def _index(settings: Settings) -> DynamoDbInstanceIndex:
    return DynamoDbInstanceIndex(_table(settings), settings.query_tags)


def _restoration(settings: Settings) -> DynamoDbStudyRestoration:
    return DynamoDbStudyRestoration(_table(settings), settings.query_tags)


def _announcer(settings: Settings) -> AnnounceChange:
    return AnnounceChange(
        EventBridgeBus(settings["EVENT_BUS"]),
        _timer(settings),
        _pending(settings),
        RevisionArchive(S3Objects(settings.spaces)),
        _links(settings),
        quiet=settings.quiet,
        clock=now,
    )


def _space_of_bucket(settings: Settings) -> dict[str, str]:
    return {space.bucket: space.name for space in settings.spaces.values()}


def store_instance(environment: Environment) -> StoreInstance:
    """Stage 1, as C-STORE calls it."""
    settings = Settings(environment)
    return StoreInstance(S3Objects(settings.spaces), settings.spaces, now)


def store_resource(environment: Environment) -> StoreResource:
    """Stage 1, behind STOW-RS, in the time that a function has."""
    return _storing(environment, STORE_TIME_LIMIT)


def _storing(environment: Environment, time_limit: timedelta | None) -> StoreResource:
    settings = Settings(environment)
    return StoreResource(store_instance(environment), settings.spaces, _links(settings), time_limit=time_limit)


def store_drop(environment: Environment) -> Dropping:
    """Stage 1, behind ``incoming/``."""
    settings = Settings(environment)
    store = StoreDrop(
        S3Objects(settings.spaces), store_instance(environment), max_object_bytes=MAX_DROPPED_OBJECT_BYTES
    )
    return Dropping(store, _space_of_bucket(settings))


def index_instance(environment: Environment) -> Indexing:
    """Stage 2."""
    settings = Settings(environment)
    return Indexing(_indexer(settings), _space_of_bucket(settings))


def finalize_study(environment: Environment) -> FinalizeStudy:
    """Stage 3."""
    settings = Settings(environment)
    objects, fence = S3Objects(settings.spaces), DynamoDbStudyFence(_table(settings))
    return FinalizeStudy(
        fence,
        CompareStudy(
            objects,
            objects,
            _index(settings),
            DynamoDbStudyDeletions(_table(settings)),
            now,
        ),
        RevisionArchive(objects),
        SeriesMetadata(objects, fence),
        _timer(settings),
        quiet=settings.quiet,
        clock=now,
        new_claim=lambda: uuid4().hex,
        query_tags=settings.query_tags,
    )


def announce_change(environment: Environment) -> Announcing:
    """Stage 4."""
    return Announcing(_announcer(Settings(environment)), read_stream_record)


def publish_study(environment: Environment) -> "Publishing":
    """Stage 5."""
    from imaging.aws.fhir_server import fhir_server  # noqa: PLC0415 - slow to import, and no other process needs it
    from imaging.pipeline.publish_study import PublishStudy  # noqa: PLC0415

    settings = Settings(environment)
    publish = PublishStudy(
        DynamoDbStudyFence(_table(settings)),
        _pending(settings),
        RevisionArchive(S3Objects(settings.spaces)),
        fhir_server(settings),
        links=_links(settings),
        spaces=settings.spaces,
    )
    return Publishing(publish, WorkQueue(settings["PUBLISH_QUEUE_URL"]).put_off)


def search_retrieve(environment: Environment) -> ReadResources:
    """Everything that DICOMweb reads, in what a function can answer with."""
    return _reading(Settings(environment), MAX_BODY_BYTES)


def gateway(environment: Environment) -> Gateway:
    """What the gateway serves, in bodies of any size."""
    return Gateway(_storing(environment, None), _reading(Settings(environment), None), cross_origin(environment))


def cross_origin(environment: Environment) -> CrossOrigin:
    """Who may read the answers of a process from a page of another origin."""
    return CrossOrigin(Settings(environment).cors_origins)


def _reading(settings: Settings, max_body_bytes: int | None) -> ReadResources:
    objects, catalogue = S3Objects(settings.spaces), DynamoDbCatalogue(_table(settings))
    read_ahead = ReadAhead()
    worker = _pixel_worker(int(settings.get("PIXEL_WORKERS", "0")), int(settings.get("PIXEL_WORKER_MIB", "2048")))
    headers, pixels = InstanceHeaders(objects), InstancePixels(objects, read_ahead)
    retrieve = RetrieveInstances(catalogue, objects, objects, read_ahead)
    return ReadResources(
        settings.spaces,
        _links(settings),
        search=SearchCatalogue(catalogue, catalogue),
        query_tags=DynamoDbQueryTagStates(_table(settings), settings.query_tags),
        retrieve=retrieve,
        encode=EncodeInstances(retrieve, TranscodeInstance(objects, headers, pixels, worker)),
        metadata=RetrieveMetadata(catalogue, objects, read_ahead),
        bulk_data=RetrieveBulkData(objects, headers, pixels, read_ahead),
        frames=RetrieveFrames(pixels, worker),
        render=RenderImage(catalogue, pixels, headers, worker),
        history=ReadHistory(catalogue, RevisionArchive(objects)),
        max_body_bytes=max_body_bytes,
    )


@cache
def _pixel_worker(size: int, memory_mib: int) -> WorkerPool:
    """One for the process: its workers are processes themselves."""
    return WorkerPool(size or None, max_memory_bytes=memory_mib * 1024 * 1024)


def delete_instances(environment: Environment) -> DeleteResource:
    """DELETE of a study, a series or an instance."""
    settings = Settings(environment)
    objects, table = S3Objects(settings.spaces), _table(settings)
    delete = DeleteInstances(
        objects, objects, _index(settings), DynamoDbCatalogue(table), DynamoDbStudyDeletions(table), now
    )
    return DeleteResource(settings.spaces, delete)


def sweep(environment: Environment) -> Sweep:
    """The sweeper beside stages 3 to 5."""
    settings = Settings(environment)
    return Sweep(
        _pending(settings),
        DynamoDbStudyFence(_table(settings)),
        _announcer(settings),
        quiet=settings.quiet,
        clock=now,
    )


def back_fill(environment: Environment, warn: Warn) -> BackFill:
    """What indexes by a new query tag, for the sweeper and the operators' command."""
    settings = Settings(environment)
    objects, table = S3Objects(settings.spaces), _table(settings)
    return BackFill(
        Stores(objects, objects, DynamoDbStudyFence(table), _restoration(settings)),
        DynamoDbTagRegisters(table),
        DynamoDbAttributeRewriting(table),
        settings.query_tags,
        settle=settings.query_tags_settle,
        clock=now,
        warn=warn,
    )


def reconcile(environment: Environment) -> Reconcile:
    """Bucket against manifest, for the operators' command."""
    settings = Settings(environment)
    objects, table = S3Objects(settings.spaces), _table(settings)
    fence, restoration = DynamoDbStudyFence(table), _restoration(settings)
    restore = RestoreStudy(objects, RevisionArchive(objects), fence, restoration, settings.query_tags)
    return Reconcile(
        objects,
        fence,
        restoration,
        _indexer(settings),
        restore,
        LargeDeletions(objects),
        DynamoDbStudyDeletions(table),
        now,
    )


def status(environment: Environment) -> ReadStatus:
    """What is held and what is waiting, for the operators' command."""
    settings = Settings(environment)
    table = _table(settings)
    return ReadStatus(
        list(settings.spaces),
        DynamoDbStudyFence(table),
        _restoration(settings),
        _pending(settings),
        DynamoDbTagRegisters(table),
        now,
    )
