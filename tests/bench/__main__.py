"""`python -m tests.bench`."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from infra.local.progress import Progress
from tests.bench import dimse_servers, system_under_test
from tests.bench.archive_sizes import measure_searches, print_searches, searches_as_json
from tests.bench.contestants import Entry, Server, contestants
from tests.bench.dimse_servers import DimseServer
from tests.bench.measurement import BenchFailed
from tests.bench.report import as_json, print_tables
from tests.bench.rounds import Plan, Rounds
from tests.bench.rows import ROWS, Route, Row
from tests.bench.sampled_stacks import Sampler, print_profiles
from tests.bench.synthetic_studies import Sizes, StudyMaker
from tests.bench.system_under_test import SPACE, SystemUnderTest

CLIENTS = (1, 4)
QUICK = Sizes(ct_slices=10, frames=16, small_studies=2)
WARMING_UP = Plan(rounds=1, clients=(max(CLIENTS),), to_the_end=True, name="warming up")
_EPILOG = """\b
A peer to compare with, Orthanc of Debian (orthanc, orthanc-dicomweb) in an empty folder:

\b
  echo '{"StorageDirectory": "orthanc", "IndexDirectory": "orthanc", "HttpPort": 8042, "DicomServerEnabled": false,
         "RemoteAccessAllowed": false, "Plugins": ["/usr/share/orthanc/plugins/libOrthancDicomWeb.so"],
         "DicomWeb": {"Enable": true, "Root": "/dicom-web/"}}' > orthanc.json
  TCP_NODELAY=1 Orthanc orthanc.json &
  make bench OPTIONS='--peer http://127.0.0.1:8042/dicom-web'

The DIMSE rows alone, beside Orthanc, which is started and stopped; DCMTK sends, asks and fetches:

\b
  make bench OPTIONS='--only DIMSE --peer-dimse'
"""


@click.command(
    help="""Measure how fast the system stores and reads.

    Every rate stands beside its floor: the same bytes by bare boto3, into the same bucket, with as many clients, in
    the same rounds, events and indexing running behind both.

    Without --state-dir or --address a system is started in a temporary folder (TMPDIR chooses where; it takes a few
    GB) and is gone afterwards.
    """,
    epilog=_EPILOG,
)
@click.option(
    "--rounds", type=click.IntRange(1), default=3, show_default=True, help="How often everything is measured."
)
@click.option("--quick", is_flag=True, help="One round with little of everything: whether it works, not how fast.")
@click.option(
    "--state-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Measure the local run that keeps its state here, with its floor. What is stored stays.",
)
@click.option(
    "--recorded-calls",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --state-dir: the file that RECORD_CALLS named when that run was started.",
)
@click.option("--address", help="Measure the space with this DICOMweb root, without a floor. What is stored stays.")
@click.option("--peer", help="The DICOMweb root of another server, for a further column.")
@click.option("--peer-dimse", is_flag=True, help="Start Orthanc of Debian, for a further column of the DIMSE rows.")
@click.option(
    "--move-destination",
    default="STORESCP:11113",
    show_default=True,
    help="With --state-dir: AE title and port of a node on this machine that the run sends to; it is played here.",
)
@click.option("--only", multiple=True, help="Only rows with this text, such as 'store' or 'DIMSE'; may be repeated.")
@click.option(
    "--archive",
    "archive_sizes",
    type=click.IntRange(1000),
    multiple=True,
    help="In place of the rows: search an archive of so many studies, such as 100000; may be repeated.",
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the numbers here.")
@click.option(
    "--profile",
    type=click.Path(file_okay=False, path_type=Path),
    help="Sample the stacks of all processes into this folder and say where the time goes. "
    "The rates are then lower than without.",
)
def bench(
    rounds: int,
    *,
    quick: bool,
    state_dir: Path | None,
    recorded_calls: Path | None,
    address: str | None,
    peer: str | None,
    peer_dimse: bool,
    move_destination: str,
    only: tuple[str, ...],
    archive_sizes: tuple[int, ...],
    json_file: Path | None,
    profile: Path | None,
) -> None:
    """Measure and print."""
    sizes = QUICK if quick else Sizes()
    plan = Plan(rounds=1 if quick else rounds, clients=CLIENTS, to_the_end=not quick)
    rows = [row for row in ROWS if not only or any(text in row.title for text in only)]
    if not rows:
        raise click.ClickException(f"There is no such row; there are: {', '.join(row.title for row in ROWS)}.")
    progress = Progress()
    if archive_sizes:
        if state_dir or address or peer:
            raise click.ClickException("--archive needs a system of its own: what it lists is in no bucket.")
        _search_archives(archive_sizes, json_file, progress)
        return
    try:
        with (
            _system(state_dir, recorded_calls, address, move_destination, progress) as (system, destination_port),
            _beside(rows, destination_port, peer_dimse, progress) as others,
        ):
            sampler = _sampler(profile, system)
            everybody = contestants(system, peer, others, rows)
            if not quick:
                Rounds(system, everybody, StudyMaker(SPACE, QUICK), WARMING_UP, _unwatched)(progress)
            with progress.step("making pictures"):
                maker = StudyMaker(SPACE, sizes)
            results = Rounds(system, everybody, maker, plan, sampler or _unwatched)(progress)
    except BenchFailed as failure:
        raise click.ClickException(str(failure)) from failure
    print_tables(results, plan, rows)
    if sampler:
        print_profiles(sampler.profiles)
    if json_file:
        json_file.write_text(json.dumps(as_json(results, plan, rows), indent=1))
    if results.failures:
        sys.exit(1)


def _search_archives(sizes: tuple[int, ...], json_file: Path | None, progress: Progress) -> None:
    with system_under_test.running() as system:
        found = measure_searches(system.state_dir, sizes, progress)
    print_searches(found)
    if json_file:
        json_file.write_text(json.dumps(searches_as_json(found), indent=1))


@contextmanager
def _system(
    state_dir: Path | None, recorded_calls: Path | None, address: str | None, move_destination: str, progress: Progress
) -> Iterator[tuple[SystemUnderTest, int]]:
    """The system, and the port of the node that it sends to."""
    title, _, port = move_destination.partition(":")
    if state_dir:
        yield system_under_test.local_run(state_dir, recorded_calls, title), int(port)
    elif address:
        yield system_under_test.at_address(address.rstrip("/")), int(port)
    else:
        with ExitStack() as stack:
            with progress.step("starting a system"):
                system = stack.enter_context(system_under_test.started())
            yield system


@contextmanager
def _beside(
    rows: Sequence[Row], destination_port: int, peer_dimse: bool, progress: Progress
) -> Iterator[dict[Server, DimseServer]]:
    """Other DIMSE nodes, as the rows need them."""
    found: dict[Server, DimseServer] = {}
    by_dimse = [row for row in rows if row.route is Route.DIMSE]
    with ExitStack() as stack:
        if by_dimse:
            with progress.step("starting other DIMSE nodes"):
                folder = Path(stack.enter_context(TemporaryDirectory(prefix="imaging-bench-peers-")))
                stack.enter_context(dimse_servers.destination(destination_port))
                if peer_dimse:
                    node = dimse_servers.orthanc_beside(folder / "orthanc", destination_port)
                    found[Server.ORTHANC] = stack.enter_context(node)
                if any(row.stores for row in by_dimse):
                    node = dimse_servers.pynetdicom_storescp(folder / "pynetdicom")
                    found[Server.PYNETDICOM] = stack.enter_context(node)
                    found[Server.TO_DISK] = stack.enter_context(dimse_servers.receiving_path(folder / "to-disk"))
        yield found


def _sampler(folder: Path | None, system: SystemUnderTest) -> Sampler | None:
    if folder and not system.pid:
        raise BenchFailed("--profile needs a system that runs on this machine and is known by --state-dir.")
    return Sampler(folder, system.pid) if folder and system.pid else None


def _unwatched(_: Entry, __: int) -> AbstractContextManager[object]:
    return nullcontext()


if __name__ == "__main__":
    bench()
