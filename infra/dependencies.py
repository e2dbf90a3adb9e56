"""Builds the layers of third-party packages with pip alone: no Docker, whatever machine this is."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PINS = ROOT / "layers" / "dependencies"
_CACHE = ROOT / ".build"
# What wheels are built against, and Lambda's Amazon Linux 2023 (2.34) runs; pip takes none but those named.
_GLIBC = ("2_34", "2_28", "2_27", "2_26", "2_17")


class LayerError(Exception):
    """Pip could not fetch what a layer holds."""


@dataclass(frozen=True)
class Target:
    """What a layer is built for.

    Attributes
    ----------
    python_version
        ``3.14``.
    processor
        ``aarch64``; empty for this machine and its Python.
    """

    python_version: str
    processor: str = ""

    @classmethod
    def this_machine(cls) -> "Target":
        """The interpreter that runs this."""
        return cls(f"{sys.version_info.major}.{sys.version_info.minor}")

    @property
    def pip_options(self) -> list[str]:
        """What makes pip choose the wheels of the target."""
        if not self.processor:
            return ["--only-binary=:all:"]
        return [
            *(option for glibc in _GLIBC for option in ("--platform", f"manylinux_{glibc}_{self.processor}")),
            *("--implementation", "cp"),
            *("--python-version", self.python_version),
            "--only-binary=:all:",
        ]


@dataclass(frozen=True)
class LayerFolders:
    """Where the layers of third-party packages lie, each with a folder ``python``.

    Attributes
    ----------
    common
        Of every function.
    pixels
        Of those that decode, encode or draw pixels, beside the common one.
    """

    common: Path
    pixels: Path


def layer_folders(target: Target) -> LayerFolders:
    """Make both layers, or find those made before.

    Raises
    ------
    LayerError
        As `dependency_layer`.
    """
    return LayerFolders(*(dependency_layer(target, name) for name in ("requirements", "pixels")))


def dependency_layer(target: Target, requirements: str) -> Path:
    """Make the folder of a layer, or find the one made before from the same pins.

    Parameters
    ----------
    requirements
        Names the file of pins: ``requirements`` or ``pixels``.

    Raises
    ------
    LayerError
        If pip fails; its own words went to stderr.
    """
    pins = PINS / f"{requirements}.txt", PINS / "constraints.txt"
    made_from = [*(path.read_bytes() for path in (Path(__file__), *pins)), repr(target).encode()]
    layer = _CACHE / f"{requirements}-{hashlib.sha256(b'|'.join(made_from)).hexdigest()[:16]}"
    if layer.is_dir():
        return layer
    _CACHE.mkdir(exist_ok=True)
    started = time.monotonic()
    _say(
        f"Building the layer of {requirements}.txt for {target.processor or 'this machine'}, "
        f"Python {target.python_version} …"
    )
    with tempfile.TemporaryDirectory(dir=_CACHE) as folder:
        unfinished = Path(folder) / "layer"
        _install(target, pins, unfinished / "python")
        _leave_out_what_never_runs(unfinished / "python")
        try:
            unfinished.rename(layer)
        except OSError:
            if not layer.is_dir():  # else another build of the same was quicker
                raise
    _say(f"… done in {time.monotonic() - started:.0f} s, {size_bytes(layer) / 1e6:.0f} MB.")
    return layer


def size_bytes(folder: Path) -> int:
    """The sum of the sizes of all files below a folder; Lambda takes 250 MB of layers and code together."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _install(target: Target, pins: tuple[Path, Path], folder: Path) -> None:
    requirements, constraints = pins
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-warn-conflicts", "--no-compile", *target.pip_options, "--target", str(folder)]
    command += ["-r", str(requirements), "-c", str(constraints)]
    if subprocess.run(command, check=False).returncode:
        raise LayerError(
            "pip could not fetch what layers/dependencies lists; check this machine's way to its package index."
        )


def _leave_out_what_never_runs(packages: Path) -> None:
    for folder in [packages / "bin", packages / "boto3" / "examples", *packages.rglob("tests")]:
        shutil.rmtree(folder, ignore_errors=True)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
