"""Orthanc, Debian's package: another archive, which is a modality to us."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from infra.local.ports import any_free_port
from infra.local.settings import HOST

AE_TITLE = "ORTHANC"
_READY_SECONDS = 30.0


@dataclass(frozen=True)
class Orthanc:
    """A running one.

    Attributes
    ----------
    port
        Where it speaks DIMSE.
    rest
        Where its own interface is, by HTTP.
    """

    port: int
    rest: str

    def get(self, path: str) -> Any:
        """What its interface says."""
        return self._json(httpx.get(self.rest + path, timeout=60, trust_env=False))

    def post(self, path: str, body: Mapping[str, Any] | bytes) -> Any:
        """Ask it to do something, or give it a file."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._json(httpx.post(self.rest + path, content=content, timeout=60, trust_env=False))

    def forget(self) -> None:
        """Delete all that it holds."""
        for patient in self.get("/patients"):
            self._json(httpx.delete(f"{self.rest}/patients/{patient}", timeout=60, trust_env=False))

    @staticmethod
    def _json(answer: httpx.Response) -> Any:
        assert answer.is_success, f"Orthanc answered {answer.status_code}: {answer.text}"
        return answer.json()


def is_installed() -> bool:
    """Whether it can be started here."""
    return _program() is not None


@contextmanager
def orthanc(folder: Path, modalities: Mapping[str, tuple[str, int]], *, port: int | None = None) -> Iterator[Orthanc]:
    """Start one that keeps its state in `folder`, without Nagle's algorithm.

    Parameters
    ----------
    modalities
        The AE titles and ports of those on this machine that it knows, by its own names for them.
    port
        Where it speaks DIMSE; None for any that is free.
    """
    found = Orthanc(port or any_free_port(), f"http://{HOST}:{any_free_port()}")
    configuration = {
        "Name": "tests",
        "StorageDirectory": str(folder / "orthanc"),
        "IndexDirectory": str(folder / "orthanc"),
        "HttpPort": int(found.rest.rpartition(":")[2]),
        "DicomPort": found.port,
        "DicomAet": AE_TITLE,
        "RemoteAccessAllowed": False,
        **{f"DicomAlwaysAllow{service}": True for service in ("Echo", "Store", "Find", "Get", "Move")},
        "DicomAssociationCloseDelay": 0,
        "DicomModalities": {
            name: {"AET": ae_title, "Host": HOST, "Port": there, "AllowTranscoding": False}
            for name, (ae_title, there) in modalities.items()
        },
        "OverwriteInstances": True,
        "Plugins": [],
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "orthanc.json"
    file.write_text(json.dumps(configuration))
    with (
        (folder / "orthanc.log").open("wb") as log,
        subprocess.Popen(
            [_program() or "Orthanc", str(file)], env={**os.environ, "TCP_NODELAY": "1"}, stdout=log, stderr=log
        ) as process,
    ):
        try:
            _wait_until_ready(found, process, folder / "orthanc.log")
            yield found
        finally:
            process.terminate()


def _program() -> str | None:
    return shutil.which("Orthanc", path=f"{os.environ['PATH']}:/usr/sbin")  # where Debian has it


def _wait_until_ready(found: Orthanc, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            found.get("/system")
            return
        time.sleep(0.05)
    raise AssertionError(f"Orthanc did not start:\n{log.read_text()}")
