"""Other receivers of DIMSE, and our own without S3: started for a run, gone afterwards."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from infra.local.ports import any_free_port
from infra.local.settings import HOST
from tests.bench.dcmtk_client import DimseNode
from tests.bench.measurement import BenchFailed
from tests.orthanc import AE_TITLE, is_installed, orthanc

SPACE = "main"
_DESTINATION = "DESTINATION"
_READY_SECONDS = 30.0
_STOP_SECONDS = 30.0


@dataclass(frozen=True)
class DimseServer:
    """One that can be stored to.

    Attributes
    ----------
    forget
        Deletes what it was sent: a run has no room for all of it.
    """

    node: DimseNode
    forget: Callable[[], None] = lambda: None


@contextmanager
def destination(port: int) -> Iterator[None]:
    """DCMTK's storescp, which takes what C-MOVE sends and keeps nothing; none where DCMTK is not installed."""
    if not shutil.which("storescp"):
        yield
        return
    with _running(["storescp", "--ignore", str(port)], port):
        yield


@contextmanager
def orthanc_beside(folder: Path, destination_port: int) -> Iterator[DimseServer]:
    """Orthanc; it sends what is moved to the same destination."""
    if not is_installed():
        raise BenchFailed("Orthanc is not installed here; it comes with Debian's package orthanc.")
    with orthanc(folder, {_DESTINATION: (_DESTINATION, destination_port)}) as found:
        yield DimseServer(DimseNode(HOST, found.port, AE_TITLE, _DESTINATION), found.forget)


@contextmanager
def pynetdicom_storescp(folder: Path) -> Iterator[DimseServer]:
    """The application that pynetdicom brings, which writes to disk too."""
    folder.mkdir()
    port = any_free_port()
    command = [sys.executable, "-m", "pynetdicom", "storescp", "-q", "-ba", HOST, "-od", str(folder), str(port)]
    with _running(command, port):
        yield DimseServer(DimseNode(HOST, port, "STORESCP"), lambda: _empty(folder))


@contextmanager
def receiving_path(folder: Path) -> Iterator[DimseServer]:
    """Our process with all its workers, storing through the same port to disk."""
    folder.mkdir()
    port = any_free_port()
    environment = {
        **os.environ,
        "SPACES": json.dumps([{"name": SPACE, "ae_title": SPACE.upper(), "bucket": str(folder)}]),
        "DIMSE_BIND_ADDRESS": HOST,
        "DIMSE_PORT": str(port),
        "DIMSE_CALLERS": "any",
        "DIMSE_STOP_SECONDS": "5",
        "POWERTOOLS_METRICS_NAMESPACE": "bench",
    }
    with _running([sys.executable, "-m", "tests.bench.receiving_to_disk"], port, environment):
        yield DimseServer(DimseNode(HOST, port, SPACE.upper()), lambda: _empty(folder))


@contextmanager
def _running(command: list[str], port: int, environment: dict[str, str] | None = None) -> Iterator[None]:
    environment = {**(environment or os.environ), "TCP_NODELAY": "1"}  # DCMTK's switch, of no meaning to others
    with (
        TemporaryFile() as log,
        subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process,
    ):
        try:
            deadline = time.monotonic() + _READY_SECONDS
            while not _listens(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise BenchFailed(f"{' '.join(command)} did not start: {log.read()[-2000:].decode()}")
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
