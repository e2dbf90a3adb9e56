"""The system that is measured: where its doors are, and what of its inside may be looked at."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import httpx

from infra.local.embedded_aws.clients import client
from tests.bench.dcmtk_client import DimseNode
from tests.bench.floor import Floor, floor
from tests.bench.rest import Rest, RestOfHistory, RestOfManifest
from tests.bench.rows import Route
from tests.flow import dimse_nodes
from tests.flow.running_system import RunningSystem

SPACE = "main"
_LARGER_THAN_LAMBDA_TAKES = 5_000_000


@dataclass(frozen=True)
class SystemUnderTest:
    """One storage space of a running system.

    Attributes
    ----------
    dicomweb
        The space's DICOMweb root.
    stage
        The same at the API's own address, past the front door; None if not known.
    has_gateway
        Whether large bodies go somewhere.
    floor
        Bare AWS behind it; None if it cannot be reached.
    recorded_calls
        Where its AWS calls are recorded, if they are.
    dimse
        Its DIMSE endpoint; None if not known.
    pid
        Of the process that started all others, if it runs here.
    """

    dicomweb: str
    stage: str | None
    has_gateway: bool
    floor: Floor | None
    rest: Rest
    recorded_calls: Path | None
    pid: int | None
    dimse: DimseNode | None = None

    def root(self, route: Route) -> str | None:
        """Where its requests go; None if there is no such route."""
        if route is Route.GATEWAY:
            return self.dicomweb if self.has_gateway else None
        return self.stage if route is Route.STAGE else self.dicomweb


@contextmanager
def running() -> Iterator[RunningSystem]:
    """A system of our own in an empty folder, gone afterwards."""
    with TemporaryDirectory(prefix="imaging-bench-") as folder:
        system = RunningSystem(Path(folder) / "state")
        try:
            system.start()
            yield system
            system.stop()
        finally:
            system.kill()


@contextmanager
def started() -> Iterator[tuple[SystemUnderTest, int]]:
    """The same, to be measured, and the port of the node that it sends to."""
    with running() as system:
        destination = dimse_nodes.MOVE_DESTINATION
        yield (
            local_run(system.state_dir, system.recorded_calls, destination),
            system.dimse_nodes.ports[destination],
        )


def local_run(state_dir: Path, recorded_calls: Path | None, move_destination: str) -> SystemUnderTest:
    """The local run that keeps its state there, and knows a node to send to by that AE title."""
    endpoints: dict[str, Any] = json.loads((state_dir / "endpoints.json").read_text())
    aws, space = endpoints["aws"], endpoints["spaces"][SPACE]
    return SystemUnderTest(
        dicomweb=space["dicomweb"],
        stage=_stage(aws["endpoint_url"]),
        has_gateway=_has_gateway(space["dicomweb"]),
        floor=floor(aws["endpoint_url"], space["bucket"], aws["manifest_table"]),
        rest=RestOfManifest(client("dynamodb", aws["endpoint_url"]), aws["manifest_table"]),
        recorded_calls=recorded_calls,
        pid=endpoints["pid"],
        dimse=DimseNode(**_dimse(endpoints), move_destination=move_destination),
    )


def at_address(dicomweb: str) -> SystemUnderTest:
    """A system of which only the DICOMweb root is known."""
    return SystemUnderTest(
        dicomweb=dicomweb,
        stage=None,
        has_gateway=_has_gateway(dicomweb),
        floor=None,
        rest=RestOfHistory(dicomweb),
        recorded_calls=None,
        pid=None,
    )


def _dimse(endpoints: dict[str, Any]) -> dict[str, Any]:
    dimse = endpoints["dimse"]
    return {"host": dimse["host"], "port": dimse["port"], "ae_title": endpoints["spaces"][SPACE]["ae_title"]}


def _stage(endpoint_url: str) -> str:
    [stack] = client("cloudformation", endpoint_url).describe_stacks(StackName="ImagingApi")["Stacks"]
    [api_url] = [output["OutputValue"] for output in stack["Outputs"] if output["OutputKey"] == "ApiUrl"]
    address = urlsplit(api_url)
    api = (address.hostname or "").partition(".")[0]
    return f"{endpoint_url}/restapis/{api}{address.path.rstrip('/')}/_user_request_/spaces/{SPACE}"


def _has_gateway(dicomweb: str) -> bool:
    """Whether a body that Lambda cannot take is refused for what it holds, and not for its size."""
    answer = httpx.post(
        f"{dicomweb}/studies",
        content=bytes(_LARGER_THAN_LAMBDA_TAKES),
        headers={"Content-Type": "application/dicom"},
        timeout=60,
        trust_env=False,
    )
    return answer.status_code in (HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT)
