"""The FHIR R4 server of the local run: its packages, and its process."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import httpx

from infra.local.child import Child
from infra.local.failure import CannotRun
from infra.local.settings import HOST, Settings
from infra.node import node_folder

SOURCE = Path(__file__).with_name("fhir_server")
BUILD = Path(__file__).parents[2] / ".build" / "fhir_server"
_READY_SECONDS = 60.0


def is_prepared() -> bool:
    """Whether the server and its packages are in place, as the tree has them."""
    stamp = BUILD / "made-from.txt"
    return stamp.exists() and stamp.read_text() == _digest()


def prepare(log_file: Path) -> None:
    """Install the server's packages with the npm of the bundled Node, away from the source tree.

    Raises
    ------
    CannotRun
        If npm fails.
    """
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_prepared():
            return
        for file in _sources():
            shutil.copy(file, BUILD)  # the modules beside their packages, where Node looks for these
        npm = node_folder().parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        command = [str(node_folder() / "node"), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        with log_file.open("wb") as log:
            ended = subprocess.run(command, cwd=BUILD, stdout=log, stderr=log, check=False)
        if ended.returncode:
            raise CannotRun(
                f"npm could not install the FHIR server's packages: check the network; {log_file} says more."
            )
        (BUILD / "made-from.txt").write_text(_digest())


def start(settings: Settings, port: int, log_file: Path) -> Child:
    """Start the server; its journal is in the state folder."""
    environment = {
        **os.environ,
        "FHIR_PORT": str(port),
        "FHIR_BASE_ADDRESS": settings.fhir,
        "FHIR_JOURNAL": str(settings.state_dir / "fhir" / "journal.jsonl"),
    }
    return Child("FHIR server", [str(node_folder() / "node"), str(BUILD / "server.mjs")], environment, log_file)


def wait_ready(server: Child, port: int) -> None:
    """Wait until it answers."""

    def answers() -> bool:
        try:
            return httpx.get(f"http://{HOST}:{port}/fhir/metadata", trust_env=False).is_success
        except httpx.TransportError:
            return False

    server.wait_until(answers, _READY_SECONDS)


def _sources() -> list[Path]:
    return sorted(file for file in SOURCE.iterdir() if file.suffix in (".mjs", ".json"))


def _digest() -> str:
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in _sources())).hexdigest()
