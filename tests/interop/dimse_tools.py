"""Command-line clients against the running system's DIMSE endpoint: DCMTK's, and the applications of pynetdicom."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pydicom.data
import pytest

Ended = subprocess.CompletedProcess[str]


def sample(name: str) -> Path:
    """A file that pydicom ships."""
    return Path(pydicom.data.get_testdata_file(name, download=False))


def dcmtk(
    dimse: Mapping[str, Any],
    program: str,
    *options: str,
    files: tuple[str, ...] = (),
    called: str = "MAIN",
    tls: bool = False,
    folder: Path | None = None,
) -> Ended:
    """Run one of DCMTK's.

    Parameters
    ----------
    dimse
        As `endpoints.json` has it.
    """
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed here; it comes with Debian's package dcmtk")
    address = [dimse["host"], str(dimse["tls_port" if tls else "port"])]
    return _run([program, "-v", "-aec", called, *options, *address, *files], folder)


def pynetdicom(
    dimse: Mapping[str, Any], program: str, *options: str, called: str = "MAIN", folder: Path | None = None
) -> Ended:
    """Run one of pynetdicom's."""
    address = [dimse["host"], str(dimse["port"])]
    return _run([sys.executable, "-m", "pynetdicom", program, "-v", "-aec", called, *address, *options], folder)


def said(ended: Ended) -> str:
    """All that it wrote."""
    return ended.stdout + ended.stderr


def keys(**wanted: str) -> list[str]:
    """Matching and return keys as both understand them."""
    return [argument for name, value in wanted.items() for argument in ("-k", f"{name}={value}")]


def _run(command: list[str], folder: Path | None) -> Ended:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
