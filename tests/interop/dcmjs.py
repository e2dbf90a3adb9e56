"""npm's dcmjs-dimse: a DIMSE client in JavaScript, on the Node that a wheel brings."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from infra.node import node_folder

SOURCE = Path(__file__).with_name("dcmjs_dimse")
BUILD = Path(__file__).parents[2] / ".build" / "dcmjs_dimse"


def send(
    dimse: dict[str, Any],
    requests: Sequence[dict[str, Any]],
    *,
    called: str = "MAIN",
    calling: str = "DCMJS",
    linger_seconds: float = 0,
    trusted: str = "",
) -> dict[str, Any]:
    """Send requests over one association, and say what came of them.

    Parameters
    ----------
    dimse
        As `endpoints.json` has it.
    linger_seconds
        How long the association stays open at most when the last request is answered, for a report of commitment.
    trusted
        The certificate of a node that is spoken to over TLS, as PEM.
    """
    _install()
    asked = {
        "host": dimse["host"],
        "port": dimse["tls_port" if trusted else "port"],
        "called": called,
        "calling": calling,
        "requests": requests,
        "linger_seconds": linger_seconds,
        "trusted": trusted,
    }
    with NamedTemporaryFile("r") as file:
        command = [str(node_folder() / "node"), str(BUILD / "client.mjs"), file.name]
        ended = subprocess.run(
            command, input=json.dumps(asked), capture_output=True, text=True, timeout=120, check=False
        )
        outcome = file.read()
    assert outcome, ended.stdout + ended.stderr
    return json.loads(outcome)


def _install() -> None:
    """As the lock has them, once for each state of these files."""
    files = sorted(file for file in SOURCE.iterdir() if file.suffix in (".mjs", ".json"))
    digest = hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
    stamp = BUILD / "made-from.txt"
    if stamp.exists() and stamp.read_text() == digest:
        return
    BUILD.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, BUILD)
    npm = node_folder().parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node_folder() / "node"), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    ended = subprocess.run(command, cwd=BUILD, env=os.environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"npm could not install the packages of dcmjs-dimse: {ended.stderr}"
    stamp.write_text(digest)
