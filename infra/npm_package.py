"""A package of the npm registry, pinned by its digest, and unpacked without running any of it."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from infra.node import node_folder

_CHUNK_BYTES = 1 << 20
# npm's own patience with a registry that says nothing is a quarter of an hour, and what neither refuses nor accepts a
# connection it waits for as long as the machine does.
PATIENCE = {"npm_config_fetch_timeout": "60000", "npm_config_fetch_retries": "1"}
LONGEST_SECONDS = 600.0
_SAYS = "npm error "
_CODES = ("code ", "errno ", "syscall ")
_TOP = "package"
"""The folder that npm packs everything below."""


class PackageError(Exception):
    """The package cannot be had, or is not the one that was pinned; the message is one sentence."""


@dataclass(frozen=True)
class NpmPackage:
    """A version of a package, and what its tarball must be.

    Attributes
    ----------
    integrity
        As the registry and a ``package-lock.json`` have it: ``sha512-`` and the digest in base64.
    """

    name: str
    version: str
    integrity: str

    def unpack(self, folder: Path, *, wanted: Callable[[str], bool] = lambda _: True) -> None:
        """Fetch the package with the bundled npm, check it, and write its files into a folder.

        Parameters
        ----------
        folder
            Exists, and is empty.
        wanted
            Tells by the path inside the package, ``dist/index.html``, whether a file is written.

        Raises
        ------
        PackageError
            If npm fails, the digest is another, or the tarball holds anything but plain files of its own.
        """
        with tempfile.TemporaryDirectory(dir=folder.parent) as fetched:
            tarball = self._fetch(Path(fetched))
            self._check(tarball)
            self._write(tarball, folder, wanted)

    def _fetch(self, folder: Path) -> Path:
        npm = node_folder().parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        command = [str(node_folder() / "node"), str(npm), "pack", f"{self.name}@{self.version}"]
        command += ["--ignore-scripts", "--loglevel=error", "--pack-destination", str(folder)]
        try:
            ended = subprocess.run(
                command,
                cwd=folder,
                env={**PATIENCE, **os.environ},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=LONGEST_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise self._not_fetched(f"it was not done after {LONGEST_SECONDS:.0f} s") from None
        tarballs = list(folder.glob("*.tgz"))
        if ended.returncode or len(tarballs) != 1:
            sys.stderr.write(ended.stderr)
            raise self._not_fetched(_reason(ended.stderr))
        return tarballs[0]

    def _not_fetched(self, reason: str) -> PackageError:
        return PackageError(
            f"npm could not fetch {self.name} {self.version} ({reason}): "
            "check the network, or npm's settings for a mirror."
        )

    def _check(self, tarball: Path) -> None:
        digest = hashlib.sha512()
        with tarball.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
        if f"sha512-{base64.b64encode(digest.digest()).decode()}" != self.integrity:
            raise PackageError(
                f"What npm fetched as {self.name} {self.version} is not what was pinned: its digest is another one."
            )

    def _write(self, tarball: Path, folder: Path, wanted: Callable[[str], bool]) -> None:
        with tarfile.open(tarball, "r:gz") as members:
            for member in members:
                path = PurePosixPath(member.name)
                if not member.isfile() or path.parts[:1] != (_TOP,) or ".." in path.parts:
                    raise PackageError(
                        f"{self.name} {self.version} holds {member.name!r}, which is not a file of its own."
                    )
                inside = path.relative_to(_TOP)
                content = members.extractfile(member)
                if content and wanted(str(inside)):
                    _copy(content, folder.joinpath(*inside.parts))


def _reason(said: str) -> str:
    """The first line in which npm tells what happened; before it come codes, behind it advice."""
    lines = [line.removeprefix(_SAYS) for line in said.splitlines() if line.startswith(_SAYS)]
    return next((line for line in lines if not line.startswith(_CODES)), "it does not say why")


def _copy(content: IO[bytes], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with content, target.open("wb") as file:
        shutil.copyfileobj(content, file, _CHUNK_BYTES)
