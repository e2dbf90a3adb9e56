"""Composes each process from use cases and adapters; the only place that names an adapter.

Every function takes the process's environment (`imaging.settings`) and reads
just what that process uses.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from threading import Event
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from imaging.aws.bus_subscriber import BusSubscriber
from imaging.aws.dead_letters import SqsDeadLetters
from imaging.aws.delivery_queue import DeliveryQueue
from imaging.aws.drop_queue import SqsDropQueue
from imaging.aws.dynamodb_arrivals import DynamoDbArrivals
from imaging.aws.dynamodb_catalogue import DynamoDbCatalogue
from imaging.aws.dynamodb_commitments import DynamoDbCommitments
from imaging.aws.dynamodb_deletions import DynamoDbStudyDeletions
from imaging.aws.dynamodb_feed import DynamoDbChangeFeed
from imaging.aws.dynamodb_feed_source import DynamoDbFeedSource
from imaging.aws.dynamodb_fence import DynamoDbStudyFence
from imaging.aws.dynamodb_fhir_errors import DynamoDbFhirErrors
from imaging.aws.dynamodb_index import DynamoDbInstanceIndex
from imaging.aws.dynamodb_ledger import DynamoDbLedger
from imaging.aws.dynamodb_marks import DynamoDbMarks
from imaging.aws.dynamodb_passes import DynamoDbReconcilePasses
from imaging.aws.dynamodb_pending import DynamoDbPendingWork
from imaging.aws.dynamodb_publications import DynamoDbPublications
from imaging.aws.dynamodb_query_tags import DynamoDbAttributeRewriting, DynamoDbQueryTagStates, DynamoDbTagRegisters
from imaging.aws.dynamodb_restoration import DynamoDbStudyRestoration
from imaging.aws.dynamodb_standings import DynamoDbPublicationStandings
from imaging.aws.dynamodb_status_record import DynamoDbStatusRecord
from imaging.aws.dynamodb_survey import DynamoDbManifestSurvey
from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.event_bus import EventBridgeBus
from imaging.aws.finalizer_queue import SqsFinalizerQueue
from imaging.aws.known_resources import DynamoDbKnownResources
from imaging.aws.manifest_stream import read_stream_record
from imaging.aws.publish_queue import SqsPublishQueue
from imaging.aws.queue_gauge import SqsGauge
from imaging.aws.queue_subscriber import QueueSubscriber
from imaging.aws.s3_objects import S3Objects
from imaging.aws.secret import KeptSecret
from imaging.aws.study_timer import StepFunctionsTimer
from imaging.aws.work_queue import WorkQueue
from imaging.dicomweb.arrivals_resource import ArrivalsResource
from imaging.dicomweb.cross_origin import CrossOrigin
from imaging.dicomweb.delete_resource import DeleteResource
from imaging.dicomweb.image_display_resource import ImageDisplayResource, Viewer
from imaging.dicomweb.message import MAX_BODY_BYTES
from imaging.dicomweb.read_resources import ReadResources
from imaging.dicomweb.retrieve_resources import Answer
from imaging.dicomweb.status_resource import StatusResource
from imaging.dicomweb.store_resource import StoreResource
from imaging.distribution.deliver import Deliver
from imaging.distribution.deliver_instance import DeliverInstance, sending, telling
from imaging.distribution.deliver_study import DeliverStudy
from imaging.distribution.entries import Entries
from imaging.distribution.hint import set_aside
from imaging.distribution.replay import Manifest, Replay
from imaging.distribution.study_work import ReadStudyWork
from imaging.distribution.tell_revisions import RevisionFilter, TellRevisions
from imaging.distribution.work_off import WorkOff
from imaging.errors import Rejected, RejectReason
from imaging.model.binding import Binding, Occasion, TargetKind, binding_of, bindings_of
from imaging.model.completion import Completions
from imaging.model.identifiers import InstanceKey
from imaging.model.links import Links
from imaging.model.queues import Queue, QueueKind, queues_of
from imaging.model.study import Study
from imaging.pipeline.announce_change import AnnounceChange
from imaging.pipeline.back_fill import BackFill, Stores, Warn
from imaging.pipeline.compare_study import CompareStudy
from imaging.pipeline.delete_instances import DeleteInstances
from imaging.pipeline.finalize_study import FinalizeStudy
from imaging.pipeline.hint_release import HintRelease
from imaging.pipeline.index_instance import IndexInstance
from imaging.pipeline.large_deletion import LargeDeletions
from imaging.pipeline.orphans import Orphans
from imaging.pipeline.publish_again import PublishAgain
from imaging.pipeline.reconcile import Reconcile
from imaging.pipeline.reconcile_study import ReconcileStudy
from imaging.pipeline.redrive_letters import RedriveLetters
from imaging.pipeline.restore_study import RestoreStudy
from imaging.pipeline.retell_drops import RetellDrops
from imaging.pipeline.revision_archive import RevisionArchive
from imaging.pipeline.series_metadata import SeriesMetadata
from imaging.pipeline.store_drop import StoreDrop
from imaging.pipeline.store_instance import StoreInstance
from imaging.pipeline.sweep import Sweep
from imaging.pixels.worker_pool import WorkerPool
from imaging.ports.delivery import InstanceTarget, NoticeTarget
from imaging.ports.manifest import CommittedRevision
from imaging.ports.marks import Marks
from imaging.ports.status_record import StatusRecord
from imaging.reading.displayed_studies import FindDisplayedStudies
from imaging.reading.encode_instances import EncodeInstances
from imaging.reading.explain_arrival import ExplainArrival
from imaging.reading.explain_delivery import ExplainDelivery
from imaging.reading.explain_letters import ExplainLetters
from imaging.reading.explain_study import ExplainStudy
from imaging.reading.instance_header import InstanceHeaders
from imaging.reading.instance_pixels import InstancePixels
from imaging.reading.key_images import FindKeyImages
from imaging.reading.list_revisions import ListRevisions
from imaging.reading.quarantine import ReadQuarantine
from imaging.reading.read_ahead import ReadAhead
from imaging.reading.read_arrivals import ReadArrivals
from imaging.reading.read_deliveries import ReadDeliveries
from imaging.reading.read_errors import ReadErrors
from imaging.reading.read_feed import ReadFeed
from imaging.reading.read_fhir_errors import ReadFhirErrors
from imaging.reading.read_history import ReadHistory
from imaging.reading.read_spaces import ReadSpaces
from imaging.reading.read_status import ReadStatus
from imaging.reading.render_image import RenderImage
from imaging.reading.retrieve_bulk_data import RetrieveBulkData
from imaging.reading.retrieve_frames import RetrieveFrames
from imaging.reading.retrieve_instances import RetrieveInstances
from imaging.reading.retrieve_metadata import RetrieveMetadata
from imaging.reading.search_catalogue import SearchCatalogue
from imaging.reading.select_instances import SelectInstances
from imaging.reading.transcode_instance import TranscodeInstance
from imaging.reading.verify_commitment import VerifyCommitment
from imaging.settings import Settings

if TYPE_CHECKING:
    from ssl import SSLContext

    from requests.auth import AuthBase

    from imaging.dimse.accepted_association import Services
    from imaging.dimse.c_find import CFind
    from imaging.dimse.connection_server import Secure
    from imaging.dimse.handshake import Handshake
    from imaging.dimse.journal import Journal as DimseJournal
    from imaging.dimse.peers import Peers
    from imaging.dimse.storage_commitment import NAction
    from imaging.dimse.storage_commitment_journal import CommitmentJournal
    from imaging.dimse.storage_commitment_reports import CommitmentReports
    from imaging.pipeline.publish_study import PublishStudy

Environment = Mapping[str, str]

# /status says how many up to here, so that no backlog takes its recorder more than its minute.
_COUNTED_EACH_MINUTE = 10_000

# A target that is down may be so for a day: 100 tries, the queue's number, take more than that.
FIRST_DELIVERY_WAIT_SECONDS = 10
LONGEST_DELIVERY_WAIT_SECONDS = 1800

STORE_TIME_LIMIT = timedelta(seconds=22)  # of the 28 that the function has


@dataclass(frozen=True)
class Publishing:
    """Stage 5, and its queue.

    Attributes
    ----------
    put_off
        Of a message, so often tried, for at least so many seconds.
    tries
        After so many the queue gives a message up (`PUBLISH_TRIES`).
    allow
        For how many seconds from now on the FHIR server may be asked.
    """

    publish: "PublishStudy"
    put_off: Callable[[str, int, float], None]
    tries: int
    allow: Callable[[float], None]


@dataclass(frozen=True)
class Delivering:
    """What a binding delivers, and the queue that tells it to."""

    binding: Binding
    work_off: WorkOff
    queue: WorkQueue


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
class Recording:
    """What is read of the deployment's status, and where it is kept for the page of what came in."""

    read: ReadStatus
    record: StatusRecord


@dataclass(frozen=True)
class Announcing:
    """Stage 4, and how a stream record is read."""

    announce: AnnounceChange
    read: Callable[[dict[str, Any] | None, dict[str, Any] | None], InstanceKey | CommittedRevision | Study | None]


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
    objects = S3Objects(settings.spaces)
    return AnnounceChange(
        DynamoDbChangeFeed(_table(settings), objects),
        EventBridgeBus(settings["EVENT_BUS"]),
        _timer(settings),
        _pending(settings),
        RevisionArchive(objects),
        _links(settings),
        quiet=settings.quiet,
        spaces=settings.spaces,
        clock=now,
    )


def _space_of_bucket(settings: Settings) -> dict[str, str]:
    return {space.bucket: space.name for space in settings.spaces.values()}


def store_instance(environment: Environment) -> StoreInstance:
    """Stage 1, as C-STORE calls it."""
    settings = Settings(environment)
    return StoreInstance(S3Objects(settings.spaces), settings.spaces, now)


def hint_release(environment: Environment) -> HintRelease | None:
    """What tells the finalizer of released associations; None where no space asks for it."""
    settings = Settings(environment)
    if not any(space.finishes_on_release for space in settings.spaces.values()):
        return None
    return HintRelease(SqsFinalizerQueue(settings["FINALIZE_QUEUE_URL"]), settings.spaces, now)


@dataclass(frozen=True)
class Committing:
    """Storage commitment: the service, and what tells its results beside the associations."""

    service: "NAction"
    reports: "CommitmentReports"


def dimse_commitment(
    environment: Environment, peers: "Peers", journal: "DimseJournal", commitment_journal: "CommitmentJournal"
) -> Committing:
    """Storage commitment, for the one process that calls this."""
    from imaging.dimse.storage_commitment import NAction  # noqa: PLC0415 - pynetdicom is slow to import
    from imaging.dimse.storage_commitment_reports import CommitmentReports  # noqa: PLC0415
    from imaging.dimse.tls import client_context  # noqa: PLC0415

    settings = Settings(environment)
    table = _table(settings)
    verify = VerifyCommitment(DynamoDbCatalogue(table), S3Objects(settings.spaces))
    reports = CommitmentReports(
        DynamoDbCommitments(table),
        verify,
        peers,
        commitment_journal,
        clock=now,
        secure=_dimse_context(settings, journal, client_context),
    )
    return Committing(NAction(reports, now), reports)


@dataclass(frozen=True)
class DimseServing:
    """What a worker of the DIMSE endpoint serves with.

    Attributes
    ----------
    secure
        Shakes hands where connections come in by TLS; None without a certificate.
    beside
        What runs in threads beside the associations, until it is told to stop.
    close
        Ends the processes that work on pixels.
    """

    services: "Services"
    hint_release: HintRelease | None = None
    secure: "Secure | None" = None
    beside: Sequence[Callable[[Event], None]] = ()
    close: Callable[[], object] = lambda: None


def dimse_serving(
    environment: Environment, peers: "Peers", journal: "DimseJournal", commitment_journal: "CommitmentJournal"
) -> DimseServing:
    """Everything that DIMSE asks for; called in each worker, for none of it survives a fork."""
    from pynetdicom.dimse_primitives import C_ECHO, C_FIND, C_STORE, N_ACTION  # noqa: PLC0415 - slow to import

    from imaging.dimse.accepted_association import Served  # noqa: PLC0415
    from imaging.dimse.c_echo import VERIFICATION, CEcho  # noqa: PLC0415
    from imaging.dimse.c_find import FIND_SOP_CLASSES  # noqa: PLC0415
    from imaging.dimse.c_store import CStore  # noqa: PLC0415
    from imaging.dimse.sop_classes import STORAGE_COMMITMENT_PUSH_MODEL  # noqa: PLC0415

    settings = Settings(environment)
    max_object_bytes = int(settings.get("DIMSE_MAX_OBJECT_BYTES", str(1024**3)))
    committing = dimse_commitment(environment, peers, journal, commitment_journal)
    services: Services = {
        C_ECHO: Served(CEcho(), frozenset({VERIFICATION})),
        C_STORE: Served(CStore(store_instance(environment), journal, max_object_bytes)),
        C_FIND: Served(dimse_find(environment), FIND_SOP_CLASSES),
        N_ACTION: Served(committing.service, frozenset({STORAGE_COMMITMENT_PUSH_MODEL})),
        **dimse_retrieve(environment, peers, journal),
    }
    handshake = _dimse_handshake(settings, journal)
    return DimseServing(
        services,
        hint_release(environment),
        handshake,
        (committing.reports.run, *([handshake.rehearse] if handshake else [])),
        _pixel_worker(settings).close,
    )


def _dimse_handshake(settings: Settings, journal: "DimseJournal") -> "Handshake | None":
    if not settings.get("DIMSE_TLS_CERTIFICATE_SECRET_ARN"):
        return None
    from imaging.dimse.handshake import Handshake  # noqa: PLC0415 - pynetdicom is slow to import
    from imaging.dimse.tls import server_context  # noqa: PLC0415

    return Handshake(_dimse_context(settings, journal, server_context), journal)


def _dimse_context(
    settings: Settings, journal: "DimseJournal", make: Callable[..., "SSLContext"]
) -> Callable[[], "SSLContext"]:
    """What shakes hands by the endpoint's own certificate, if it has one, with those it is to trust."""
    from imaging.dimse.kept_tls import KeptTls  # noqa: PLC0415 - pynetdicom is slow to import

    names = ("DIMSE_TLS_CERTIFICATE_SECRET_ARN", "DIMSE_TLS_CLIENT_CA_SECRET_ARN")
    secrets = [KeptSecret(arn) for arn in map(settings.get, names) if arn]
    return KeptTls(make, secrets, journal.certificate_kept).context


def dimse_retrieve(environment: Environment, peers: "Peers", journal: "DimseJournal") -> "Services":
    """C-MOVE and C-GET, which share threads, memory and workers."""
    from pynetdicom.dimse_primitives import C_GET, C_MOVE  # noqa: PLC0415 - pynetdicom is slow to import

    from imaging.dimse.accepted_association import Served  # noqa: PLC0415
    from imaging.dimse.c_get import GET_SOP_CLASSES, CGet  # noqa: PLC0415
    from imaging.dimse.c_move import MOVE_SOP_CLASSES, CMove  # noqa: PLC0415
    from imaging.dimse.data_sets import ReadDataSets  # noqa: PLC0415
    from imaging.dimse.retrieve import Retrieve  # noqa: PLC0415
    from imaging.dimse.tls import client_context  # noqa: PLC0415

    settings = Settings(environment)
    objects, catalogue = S3Objects(settings.spaces), DynamoDbCatalogue(_table(settings))
    read_ahead = ReadAhead()
    worker = _pixel_worker(settings)
    instances = RetrieveInstances(catalogue, objects, objects, read_ahead)
    transcode = TranscodeInstance(objects, InstanceHeaders(objects), InstancePixels(objects, read_ahead), worker)
    retrieve = Retrieve(
        SelectInstances(catalogue, catalogue), ReadDataSets(instances, EncodeInstances(instances, transcode)), journal
    )
    move = CMove(retrieve, peers, _dimse_context(settings, journal, client_context))
    return {C_GET: Served(CGet(retrieve), GET_SOP_CLASSES), C_MOVE: Served(move, MOVE_SOP_CLASSES)}


def dimse_find(environment: Environment) -> "CFind":
    """C-FIND, which looks up between two short pages whether anybody still wants the rest."""
    from imaging.dimse.c_find import MAX_ROWS_A_PAGE, CFind  # noqa: PLC0415 - pynetdicom is slow to import

    settings = Settings(environment)
    catalogue = DynamoDbCatalogue(_table(settings))
    search = SearchCatalogue(catalogue, catalogue, max_rows_read=MAX_ROWS_A_PAGE)
    return CFind(search, DynamoDbQueryTagStates(_table(settings), settings.query_tags))


def store_resource(environment: Environment) -> StoreResource:
    """Stage 1, behind STOW-RS, in the time that a function has."""
    return _storing(environment, STORE_TIME_LIMIT)


def _storing(environment: Environment, time_limit: timedelta | None) -> StoreResource:
    settings = Settings(environment)
    return StoreResource(store_instance(environment), settings.spaces, _links(settings), time_limit=time_limit)


def store_drop(environment: Environment) -> Dropping:
    """Stage 1, behind ``incoming/``."""
    settings = Settings(environment)
    store = StoreDrop(S3Objects(settings.spaces), store_instance(environment))
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
        spaces=settings.spaces,
        clock=now,
        new_claim=lambda: uuid4().hex,
        query_tags=settings.query_tags,
    )


def put_off_hint(environment: Environment) -> Callable[[str, int], None]:
    """How stage 3 puts off a hint that comes before what it speaks of."""
    return WorkQueue(Settings(environment)["FINALIZE_QUEUE_URL"]).put_off


def announce_change(environment: Environment) -> Announcing:
    """Stage 4."""
    return Announcing(_announcer(Settings(environment)), read_stream_record)


def publish_study(environment: Environment) -> "Publishing":
    """Stage 5."""
    from imaging.aws.fhir_server import fhir_server  # noqa: PLC0415 - slow to import, and no other process needs it
    from imaging.fhir.policy import policy_of  # noqa: PLC0415
    from imaging.pipeline.publish_study import PublishStudy  # noqa: PLC0415

    settings = Settings(environment)
    table, objects, server = _table(settings), S3Objects(settings.spaces), fhir_server(settings)
    publish = PublishStudy(
        DynamoDbStudyFence(table),
        _pending(settings),
        RevisionArchive(objects),
        server,
        DynamoDbPublications(table),
        DynamoDbKnownResources(table),
        objects,
        links=_links(settings),
        spaces=settings.spaces,
        policy=policy_of(settings.get("FHIR_POLICY", "")),
        clock=now,
        new_token=lambda: uuid4().hex,
    )
    put_off = WorkQueue(settings["PUBLISH_QUEUE_URL"]).put_off
    return Publishing(publish, put_off, int(settings["PUBLISH_TRIES"]), server.allow)


def search_retrieve(environment: Environment) -> ReadResources:
    """Everything that DICOMweb reads, in what a function can answer with, and what is of all spaces."""
    settings = Settings(environment)
    held = _Held.of(settings)
    of_all_spaces: dict[str, Answer] = {
        "/arrivals": _arrivals(settings, held),
        "/status": StatusResource(DynamoDbStatusRecord(_table(settings))),
        **_image_display(settings, held).routes(),
    }
    return _reading(settings, held, MAX_BODY_BYTES, of_all_spaces)


@dataclass(frozen=True)
class _Held:
    """What several use cases of a process read; what is read ahead has one bound for all of them."""

    catalogue: DynamoDbCatalogue
    objects: S3Objects
    read_ahead: ReadAhead
    search: SearchCatalogue
    metadata: RetrieveMetadata

    @classmethod
    def of(cls, settings: Settings) -> "_Held":
        catalogue, objects, read_ahead = DynamoDbCatalogue(_table(settings)), S3Objects(settings.spaces), ReadAhead()
        return cls(
            catalogue,
            objects,
            read_ahead,
            SearchCatalogue(catalogue, catalogue),
            RetrieveMetadata(catalogue, objects, read_ahead),
        )


def _image_display(settings: Settings, held: _Held) -> ImageDisplayResource:
    links = _links(settings)
    return ImageDisplayResource(
        Viewer(settings.viewer_url_template, settings.viewer_embedded_in),
        settings.spaces,
        links,
        find=FindDisplayedStudies(held.search, settings.spaces, links),
        key_images=FindKeyImages(held.catalogue, held.metadata),
    )


def gateway(environment: Environment) -> Gateway:
    """What the gateway serves, in bodies of any size."""
    settings = Settings(environment)
    reading = _reading(settings, _Held.of(settings), None)
    return Gateway(_storing(environment, None), reading, cross_origin(environment))


def cross_origin(environment: Environment) -> CrossOrigin:
    """Who may read the answers of a process from a page of another origin."""
    return CrossOrigin(Settings(environment).cors_origins)


def _arrivals(settings: Settings, held: _Held) -> ArrivalsResource:
    table = _table(settings)
    publishes_to_fhir = settings.get("PUBLISHES_TO_FHIR") == "yes"
    read = ReadArrivals(
        DynamoDbArrivals(table),
        held.catalogue,
        DynamoDbPublicationStandings(table) if publishes_to_fhir else None,
        Completions(settings.quiet, settings.spaces),
    )
    return ArrivalsResource(
        read,
        settings.spaces,
        _links(settings),
        has_viewer=bool(settings.viewer_url_template),
        fhir_search=settings.get("FHIR_SEARCH_URL").rstrip("/"),
    )


def _reading(
    settings: Settings, held: _Held, max_body_bytes: int | None, further: Mapping[str, Answer] | None = None
) -> ReadResources:
    objects, catalogue, read_ahead = held.objects, held.catalogue, held.read_ahead
    source = DynamoDbFeedSource(_table(settings))
    worker = _pixel_worker(settings)
    headers, pixels = InstanceHeaders(objects), InstancePixels(objects, read_ahead)
    retrieve = RetrieveInstances(catalogue, objects, objects, read_ahead)
    return ReadResources(
        settings.spaces,
        _links(settings),
        search=held.search,
        query_tags=DynamoDbQueryTagStates(_table(settings), settings.query_tags),
        retrieve=retrieve,
        encode=EncodeInstances(retrieve, TranscodeInstance(objects, headers, pixels, worker)),
        metadata=held.metadata,
        bulk_data=RetrieveBulkData(objects, headers, pixels, read_ahead),
        frames=RetrieveFrames(pixels, worker),
        render=RenderImage(catalogue, pixels, headers, worker),
        history=ReadHistory(catalogue, RevisionArchive(objects), catalogue, objects),
        feed=ReadFeed(source, catalogue, objects),
        all_spaces=ReadSpaces(settings.spaces, source, _pending(settings)),
        deliveries=ReadDeliveries(DynamoDbLedger(_table(settings)), catalogue),
        fhir_errors=ReadFhirErrors(DynamoDbFhirErrors(_table(settings))),
        max_body_bytes=max_body_bytes,
        further=further,
    )


@cache
def _read_ahead() -> ReadAhead:
    """One for the process: its memory has a bound however many threads deliver at once."""
    return ReadAhead()


def _pixel_worker(settings: Settings) -> WorkerPool:
    return _pixel_workers(int(settings.get("PIXEL_WORKERS", "0")), int(settings.get("PIXEL_WORKER_MIB", "2048")))


@cache
def _pixel_workers(size: int, memory_mib: int) -> WorkerPool:
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
        spaces=settings.spaces,
        clock=now,
    )


def marks(environment: Environment) -> Marks:
    """The marks of work left, for the sweeper's metrics."""
    return DynamoDbMarks(_table(Settings(environment)))


def back_fill(environment: Environment, warn: Warn) -> BackFill:
    """What indexes by a new query tag, for the sweeper and the operators' command."""
    settings = Settings(environment)
    objects, table = S3Objects(settings.spaces), _table(settings)
    return BackFill(
        Stores(objects, objects, DynamoDbStudyFence(table), DynamoDbManifestSurvey(table)),
        DynamoDbTagRegisters(table),
        DynamoDbAttributeRewriting(table),
        settings.query_tags,
        settle=settings.query_tags_settle,
        clock=now,
        warn=warn,
    )


def reconcile(environment: Environment, warn: Warn) -> Reconcile:
    """Bucket against manifest, by schedule and for the operators' command."""
    settings = Settings(environment)
    objects, table = S3Objects(settings.spaces), _table(settings)
    archive, fence = RevisionArchive(objects), DynamoDbStudyFence(table)
    survey = DynamoDbManifestSurvey(table)
    orphans = Orphans(objects, objects, archive, fence, now)
    study = ReconcileStudy(
        survey,
        _indexer(settings),
        RestoreStudy(objects, archive, _restoration(settings), settings.query_tags),
        orphans,
        LargeDeletions(objects),
        DynamoDbStudyDeletions(table),
        now,
    )
    return Reconcile(objects, archive, survey, DynamoDbReconcilePasses(table), study, orphans, now, warn)


def retell_drops(environment: Environment) -> RetellDrops:
    """What finds drops whose event was lost, beside `reconcile`."""
    settings = Settings(environment)
    queue = SqsDropQueue(settings["DROP_QUEUE_URL"], settings.spaces)
    return RetellDrops(S3Objects(settings.spaces), queue, now)


def status(environment: Environment, count_up_to: int | None = None) -> ReadStatus:
    """What is held and what is waiting; see `ReadStatus`."""
    settings = Settings(environment)
    table = _table(settings)
    return ReadStatus(
        list(settings.spaces),
        DynamoDbFeedSource(table),
        DynamoDbMarks(table),
        SqsGauge(),
        DynamoDbLedger(table),
        DynamoDbReconcilePasses(table),
        DynamoDbTagRegisters(table),
        DynamoDbFhirErrors(table),
        queues=_queues(settings),
        completions=Completions(settings.quiet, settings.spaces),
        clock=now,
        count_up_to=count_up_to,
    )


def record_status(environment: Environment) -> Recording:
    """The same, read each minute for who may not read all that it is made of."""
    return Recording(status(environment, _COUNTED_EACH_MINUTE), DynamoDbStatusRecord(_table(Settings(environment))))


def errors(environment: Environment) -> ReadErrors:
    """What needs a human, for the operators' command."""
    settings = Settings(environment)
    objects = S3Objects(settings.spaces)
    return ReadErrors(
        list(settings.spaces),
        SqsGauge(),
        SqsDeadLetters(),
        DynamoDbMarks(_table(settings)),
        ReadQuarantine(objects, objects),
        DynamoDbLedger(_table(settings)),
        DynamoDbFhirErrors(_table(settings)),
        queues=_queues(settings),
        clock=now,
    )


def explain(environment: Environment) -> ExplainLetters:
    """What dead letters are, for the operators' command."""
    settings = Settings(environment)
    table = _table(settings)
    return ExplainLetters(
        SqsDeadLetters(),
        ExplainArrival(S3Objects(settings.spaces), _index(settings), _space_of_bucket(settings)),
        ExplainStudy(DynamoDbStudyFence(table), DynamoDbMarks(table), DynamoDbFhirErrors(table)),
        ExplainDelivery(DynamoDbLedger(table)),
    )


def publish_again(environment: Environment) -> PublishAgain:
    """Publishing of what was published or failed, once more, for the operators' command.

    Raises
    ------
    Rejected
        `NO_SUCH_RESOURCE` if the deployment publishes nowhere.
    """
    settings = Settings(environment)
    urls = [queue.queue_url for queue in _queues(settings) if queue.kind is QueueKind.PUBLISH_STUDY]
    if not urls:
        raise Rejected(
            RejectReason.NO_SUCH_RESOURCE,
            "This deployment publishes to no FHIR server; name one in imaging.fhir of cdk.json and deploy.",
        )
    table = _table(settings)
    return PublishAgain(
        DynamoDbStudyFence(table), S3Objects(settings.spaces), DynamoDbFhirErrors(table), SqsPublishQueue(urls[0])
    )


def redrive(environment: Environment) -> RedriveLetters:
    """Another try for dead letters, for the operators' command."""
    return RedriveLetters(SqsDeadLetters(), DynamoDbMarks(_table(Settings(environment))))


def queues(environment: Environment) -> dict[str, Queue]:
    """The deployment's queues of work by name, for the operators' command."""
    return {queue.name: queue for queue in _queues(Settings(environment))}


def list_revisions(environment: Environment) -> ListRevisions:
    """A study's history, for the operators' command."""
    settings = Settings(environment)
    archive = RevisionArchive(S3Objects(settings.spaces))
    return ListRevisions(DynamoDbCatalogue(_table(settings)), archive, tuple(settings.spaces))


def _queues(settings: Settings) -> tuple[Queue, ...]:
    return queues_of(settings.get("QUEUES", "[]"))


def delivering(environment: Environment) -> Delivering:
    """One binding, `BINDING`, and its queue."""
    settings = Settings(environment)
    binding = binding_of(json.loads(settings["BINDING"]))
    queue = WorkQueue(
        settings["QUEUE_URL"],
        first_wait_seconds=FIRST_DELIVERY_WAIT_SECONDS,
        longest_wait_seconds=LONGEST_DELIVERY_WAIT_SECONDS,
    )
    return Delivering(binding, WorkOff(_deliver(settings, binding), queue), queue)


def replay(environment: Environment, binding_name: str, *, again: bool = False) -> Replay:
    """Deliveries of one of `BINDINGS` once more, for the operators' command.

    Parameters
    ----------
    again
        Whether what was delivered before now is delivered again.

    Raises
    ------
    Rejected
        `NO_SUCH_RESOURCE` if there is no such binding.
    """
    settings = Settings(environment)
    bindings = {binding.name: binding for binding in bindings_of(settings.get("BINDINGS", "[]"))}
    if binding_name not in bindings:
        names = ", ".join(sorted(bindings)) or "none"
        raise Rejected(RejectReason.NO_SUCH_RESOURCE, f"There is no such binding; the deployment has: {names}.")
    table = _table(settings)
    urls = {queue.name: queue.queue_url for queue in _queues(settings) if queue.kind is QueueKind.DELIVER}
    manifest = Manifest(
        DynamoDbStudyFence(table), DynamoDbCatalogue(table), DynamoDbFeedSource(table), S3Objects(settings.spaces)
    )
    return Replay(
        bindings[binding_name],
        manifest,
        DeliveryQueue(urls[binding_name]),
        _links(settings),
        again_since=now() if again else None,
    )


def _deliver(settings: Settings, binding: Binding) -> Deliver:
    table = _table(settings)
    catalogue, fence = DynamoDbCatalogue(table), DynamoDbStudyFence(table)
    revisions = RevisionArchive(S3Objects(settings.spaces))
    dead_letters = DeliveryQueue(settings["DEAD_LETTER_QUEUE_URL"])

    def aside(message: Mapping[str, Any], reason: str) -> None:
        dead_letters.send_with_reason(set_aside(message, reason, now()), reason)

    entries = Entries(binding.name, DynamoDbLedger(table), now, lambda: uuid4().hex, aside)
    if binding.on is Occasion.INSTANCE:
        if binding.kind.takes_images:
            act = sending(_instance_target(settings, binding))
        else:
            act = telling(_notice_target(binding), _links(settings))
        of_instance = DeliverInstance(binding, _index(settings), catalogue, entries, act)
        return Deliver(binding, aside, of_instance=of_instance)
    if binding.kind.takes_images:
        read_work = ReadStudyWork(binding.filter, catalogue, revisions, catalogue)
        return Deliver(binding, aside, of_study=DeliverStudy(read_work, entries, _instance_target(settings, binding)))
    does_fit = RevisionFilter(binding.filter, fence, revisions)
    tell = TellRevisions(fence, does_fit, entries, _notice_target(binding), _links(settings))
    return Deliver(binding, aside, of_study=tell)


def _notice_target(binding: Binding) -> NoticeTarget:
    target = binding.target
    if binding.kind is TargetKind.QUEUE:
        return QueueSubscriber(target["queue_arn"])
    if binding.kind is TargetKind.EVENT_BUS:
        return BusSubscriber(target["event_bus_arn"])
    from imaging.targets.webhook import Webhook  # noqa: PLC0415 - slow to import, and few processes need it

    return Webhook(target["webhook"], KeptSecret(target["signing_secret_arn"]), now)


def _instance_target(settings: Settings, binding: Binding) -> InstanceTarget:
    objects, target = S3Objects(settings.spaces), binding.target
    stream = RetrieveInstances(DynamoDbCatalogue(_table(settings)), objects, objects, _read_ahead()).stream
    if binding.kind is TargetKind.SPACE:
        from imaging.targets.space_copy import SpaceCopy  # noqa: PLC0415 - as below

        store = StoreInstance(objects, settings.spaces, now)
        return SpaceCopy(store, objects, _read_ahead(), target["space"])
    if binding.kind is TargetKind.DIMSE:
        from imaging.dimse.node import Node  # noqa: PLC0415 - pynetdicom is slow to import
        from imaging.dimse.send_instances import DimseTarget  # noqa: PLC0415

        return DimseTarget(Node(**target["dimse"]), stream)
    from imaging.targets.dicomweb import DicomWebTarget, studies_address  # noqa: PLC0415 - slow to import
    from imaging.targets.http_endpoint import HttpEndpoint  # noqa: PLC0415

    address = studies_address(target["dicomweb"])
    return DicomWebTarget(HttpEndpoint(address, "dicomweb", _authorization(target)), stream)


def _authorization(target: Mapping[str, Any]) -> "AuthBase | None":
    from imaging.aws.request_authorization import BearerToken, StreamSignature  # noqa: PLC0415 - slow to import

    match target.get("authorization", "none"):
        case "bearer":
            return BearerToken(KeptSecret(target["token_secret_arn"]))
        case "sigv4":
            return StreamSignature(target["sigv4_service"], target.get("sigv4_region", ""))
    return None
