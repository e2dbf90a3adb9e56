"""What is measured, a row each. A new row is one more entry of `ROWS`."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial

from tests.bench.dcmtk_client import DcmtkClient
from tests.bench.dicomweb_connection import MULTIPART_DICOM, DicomWebConnection
from tests.bench.dimse_operations import find_instances, find_study, get_study, move_study, send
from tests.bench.floor import PAGE, REPEATS, Floor, some_frames
from tests.bench.measurement import MEGABYTES, OPERATIONS, Operation, Unit
from tests.bench.synthetic_studies import PATIENT_ID, SLICE_BYTES, STUDY_DATE, Kind, Study

LAMBDA_REQUEST_BYTES = 4_200_000
"""The most that goes into a request on its way to Lambda; the front door and CloudFront let a little more through."""

_SOME_SLICES = 10  # of work on pixels, which is information and no race
_AS_STORED = f"{MULTIPART_DICOM}; transfer-syntax=*"
_SINGLE_PART = "application/dicom; transfer-syntax=*"
_JPEG_2000_LOSSLESS = f"{MULTIPART_DICOM}; transfer-syntax=1.2.840.10008.1.2.4.90"
_STORED_FRAME = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'

Operations = Callable[[DicomWebConnection, Study], list[Operation]] | Callable[[DcmtkClient, Study], list[Operation]]


class Route(Enum):
    """The way a request takes inside the system."""

    LAMBDA = "Lambda"
    STAGE = "Lambda (API)"
    """Asked at the API's own address, for what the front door gives to the gateway."""
    GATEWAY = "gateway"
    DIMSE = "DIMSE"


class FloorOf(Enum):
    """What bare AWS does of the same; rows that share one share its measurement."""

    PUT = "PutObject"
    GET = "GetObject"
    QUERY_STUDY = "Query, its row"
    GET_FRAME = "GetObject, a range"
    QUERY_METADATA = "Query, its rows"
    QUERY_PATIENT = "Query, by patient"
    QUERY_DATE = "Query, by date"

    def operations(self, floor: Floor, study: Study) -> list[Operation]:
        make = {
            FloorOf.PUT: floor.puts,
            FloorOf.GET: floor.gets,
            FloorOf.GET_FRAME: floor.frame_gets,
            FloorOf.QUERY_STUDY: floor.study_queries,
            FloorOf.QUERY_METADATA: floor.metadata_queries,
            FloorOf.QUERY_PATIENT: floor.patient_queries,
            FloorOf.QUERY_DATE: floor.date_queries,
        }
        return make[self](study)


@dataclass(frozen=True)
class Row:
    """One thing that a client does with a study.

    Attributes
    ----------
    operations
        What the client does, over its connection or by its programs. Rows that store are given a
        study that nobody has; the others one that is stored and indexed.
    """

    name: str
    kind: Kind
    route: Route
    unit: Unit
    floor: FloorOf
    operations: Operations

    @property
    def title(self) -> str:
        """Names it among all rows."""
        return f"{self.kind.value}: {self.name} ({self.route.value})"

    @property
    def stores(self) -> bool:
        return self.floor is FloorOf.PUT


def requests_of(files: tuple[bytes, ...], request_bytes: int) -> list[tuple[bytes, ...]]:
    """The files in as few requests of at most so many bytes as their order allows; each has at least one file."""
    requests: list[tuple[bytes, ...]] = []
    size = 0
    for file in files:
        if not requests or size + len(file) > request_bytes:
            requests.append(())
            size = 0
        requests[-1] += (file,)
        size += len(file)
    return requests


def _store_in_small_requests(connection: DicomWebConnection, study: Study) -> list[Operation]:
    return [partial(connection.store, files, chunked=False) for files in requests_of(study.files, LAMBDA_REQUEST_BYTES)]


def _store_at_once(connection: DicomWebConnection, study: Study) -> list[Operation]:
    return [partial(connection.store, study.files, chunked=True)]


def _read_study(connection: DicomWebConnection, study: Study) -> list[Operation]:
    return [partial(connection.read, _path(study), _AS_STORED, study.size_bytes)]


def _read_instances(accept: str) -> Operations:
    def operations(connection: DicomWebConnection, study: Study) -> list[Operation]:
        return [
            partial(connection.read, path, accept, len(file))
            for path, file in zip(_instance_paths(study), study.files, strict=True)
        ]

    return operations


def _transcode_some(connection: DicomWebConnection, study: Study) -> list[Operation]:
    return [
        partial(connection.read, path, _JPEG_2000_LOSSLESS, len(file), at_least=1)
        for path, file in list(zip(_instance_paths(study), study.files, strict=True))[:_SOME_SLICES]
    ]


def _draw_some(connection: DicomWebConnection, study: Study) -> list[Operation]:
    return [
        partial(connection.read, f"{path}/rendered", "image/jpeg", len(file), at_least=1)
        for path, file in list(zip(_instance_paths(study), study.files, strict=True))[:_SOME_SLICES]
    ]


def _read_frames(connection: DicomWebConnection, study: Study) -> list[Operation]:
    (path,) = _instance_paths(study)
    return [
        partial(connection.read, f"{path}/frames/{number}", _STORED_FRAME, SLICE_BYTES) for number in some_frames(study)
    ]


def _draw_frames(connection: DicomWebConnection, study: Study) -> list[Operation]:
    (path,) = _instance_paths(study)
    return [
        partial(connection.read, f"{path}/frames/{number}/rendered", "image/jpeg", SLICE_BYTES, at_least=1)
        for number in some_frames(study)
    ]


def _search_patient(connection: DicomWebConnection, _: Study) -> list[Operation]:
    return [partial(connection.ask, f"/studies?PatientID={PATIENT_ID}&limit={PAGE}", PATIENT_ID)]


def _search_date(connection: DicomWebConnection, _: Study) -> list[Operation]:
    month = STUDY_DATE[:6]
    return [partial(connection.ask, f"/studies?StudyDate={month}01-{month}31&limit={PAGE}", STUDY_DATE)]


def _search_study(connection: DicomWebConnection, study: Study) -> list[Operation]:
    return [
        partial(connection.ask, f"/studies?StudyInstanceUID={study.study_instance_uid}", study.study_instance_uid)
    ] * REPEATS


def _read_metadata(connection: DicomWebConnection, study: Study) -> list[Operation]:
    return [partial(connection.ask, f"{_path(study)}/metadata", study.keys[-1].sop_instance_uid)] * REPEATS


def _instance_paths(study: Study) -> list[str]:
    return [f"{_path(study)}/series/{key.series_instance_uid}/instances/{key.sop_instance_uid}" for key in study.keys]


def _path(study: Study) -> str:
    return f"/studies/{study.study_instance_uid}"


ROWS: tuple[Row, ...] = (
    Row("store, several slices a request", Kind.CT, Route.LAMBDA, MEGABYTES, FloorOf.PUT, _store_in_small_requests),
    Row("store, all in one request", Kind.CT, Route.GATEWAY, MEGABYTES, FloorOf.PUT, _store_at_once),
    Row("read, all in one request", Kind.CT, Route.GATEWAY, MEGABYTES, FloorOf.GET, _read_study),
    Row("read, one by one", Kind.CT, Route.GATEWAY, MEGABYTES, FloorOf.GET, _read_instances(_AS_STORED)),
    Row("read, one by one", Kind.CT, Route.STAGE, MEGABYTES, FloorOf.GET, _read_instances(_AS_STORED)),
    Row("read some as JPEG 2000", Kind.CT, Route.GATEWAY, MEGABYTES, FloorOf.GET, _transcode_some),
    Row("draw some as JPEG", Kind.CT, Route.GATEWAY, OPERATIONS, FloorOf.GET, _draw_some),
    Row("search", Kind.CT, Route.LAMBDA, OPERATIONS, FloorOf.QUERY_STUDY, _search_study),
    Row("metadata", Kind.CT, Route.GATEWAY, OPERATIONS, FloorOf.QUERY_METADATA, _read_metadata),
    Row("metadata", Kind.CT, Route.STAGE, OPERATIONS, FloorOf.QUERY_METADATA, _read_metadata),
    *(
        Row(
            f"C-STORE, {program}{', TCP_NODELAY=1' if no_delay else ''}",
            *(Kind.CT, Route.DIMSE, MEGABYTES, FloorOf.PUT, send(program, no_delay=no_delay)),
        )
        for program in ("dcmsend", "storescu")
        for no_delay in (False, True)
    ),
    Row("C-FIND, the study", Kind.CT, Route.DIMSE, OPERATIONS, FloorOf.QUERY_STUDY, find_study),
    Row("C-FIND, its instances", Kind.CT, Route.DIMSE, OPERATIONS, FloorOf.QUERY_METADATA, find_instances),
    Row("C-GET, all", Kind.CT, Route.DIMSE, MEGABYTES, FloorOf.GET, get_study),
    Row("C-MOVE, all", Kind.CT, Route.DIMSE, MEGABYTES, FloorOf.GET, move_study),
    Row("store", Kind.MULTI_FRAME, Route.GATEWAY, MEGABYTES, FloorOf.PUT, _store_at_once),
    Row("read", Kind.MULTI_FRAME, Route.GATEWAY, MEGABYTES, FloorOf.GET, _read_instances(_AS_STORED)),
    Row("read, by redirect", Kind.MULTI_FRAME, Route.STAGE, MEGABYTES, FloorOf.GET, _read_instances(_SINGLE_PART)),
    Row("read a frame", Kind.MULTI_FRAME, Route.GATEWAY, OPERATIONS, FloorOf.GET_FRAME, _read_frames),
    Row("read a frame", Kind.MULTI_FRAME, Route.STAGE, OPERATIONS, FloorOf.GET_FRAME, _read_frames),
    Row("draw a frame as JPEG", Kind.MULTI_FRAME, Route.GATEWAY, OPERATIONS, FloorOf.GET_FRAME, _draw_frames),
    Row("store, a study a request", Kind.SMALL, Route.LAMBDA, OPERATIONS, FloorOf.PUT, _store_in_small_requests),
    Row("read, a study a request", Kind.SMALL, Route.GATEWAY, OPERATIONS, FloorOf.GET, _read_study),
    Row("read, a study a request", Kind.SMALL, Route.STAGE, OPERATIONS, FloorOf.GET, _read_study),
    Row("search by patient, a page", Kind.SMALL, Route.LAMBDA, OPERATIONS, FloorOf.QUERY_PATIENT, _search_patient),
    Row("search by date, a page", Kind.SMALL, Route.LAMBDA, OPERATIONS, FloorOf.QUERY_DATE, _search_date),
)
"""In an order in which every read finds a study that the rows before it have stored."""
