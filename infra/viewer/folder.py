"""Makes the folder that is served, once: fetched, rewritten, packed."""

import fcntl
import gzip
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from infra.dependencies import ROOT as TREE
from infra.npm_package import PackageError
from infra.viewer.app_config import ROOT
from infra.viewer.index_html import index_html
from infra.viewer.nameless_items import allow_nameless_items
from infra.viewer.ohif import DIST, OHIF, is_served
from infra.viewer.paths import serve_below

BUILD = TREE / ".build"
"""Where it is made and, by its name, found again."""

LAYOUT = 2
"""Counted up when the same package is made into something else: what is there is then made anew."""

RUNS_WITHOUT = 'With imaging.viewer "none" the system runs without viewer and page.'

_FILES = "files"


@dataclass(frozen=True)
class ViewerFolder:
    """The viewer as it is served, but for its configuration.

    Attributes
    ----------
    path
        Holds ``index.html`` and, below ``files``, all that it loads. There each file is packed
        with gzip and stays what it is for ever: another make of the viewer lies below another name.
    """

    path: Path

    @property
    def index_html(self) -> Path:
        """The page of the viewer, for each of its routes."""
        return self.path / "index.html"

    @property
    def files(self) -> Path:
        """What the page loads."""
        return self.path / _FILES

    @property
    def is_made(self) -> bool:
        """Whether it is there."""
        return self.path.is_dir()


def planned() -> ViewerFolder:
    """Where the folder of this tree's viewer lies, or would."""
    return ViewerFolder(BUILD / f"viewer-{_digest()}")


def viewer_folder() -> ViewerFolder:
    """Make the folder, or find the one made before.

    Raises
    ------
    PackageError
        If the package cannot be had, or is another than was pinned; ends with `RUNS_WITHOUT`.
    """
    made = planned()
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "viewer.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.is_made:
            try:
                _make(made)
            except PackageError as reason:
                raise PackageError(f"{reason} {RUNS_WITHOUT}") from reason
    return made


def _make(made: ViewerFolder) -> None:
    below = f"{ROOT}/{_FILES}/{_digest()}"
    workshop = BUILD / "viewer-unfinished"
    shutil.rmtree(workshop, ignore_errors=True)  # of one that was killed
    package, unfinished = workshop / "package", ViewerFolder(workshop / "viewer")
    package.mkdir(parents=True)
    OHIF.unpack(package, wanted=is_served)
    dist = package / DIST
    serve_below(dist, below)
    allow_nameless_items(dist)
    _pack(dist, unfinished.files / _digest())
    unfinished.index_html.write_text(index_html(dist, root=ROOT, below=below), "utf-8")
    unfinished.path.rename(made.path)
    for old in BUILD.glob("viewer-*"):  # what this one takes the place of, and what it was made in
        if old != made.path:
            shutil.rmtree(old)


def _pack(folder: Path, packed: Path) -> None:
    """Write each file once more, as browsers take it over the wire: a third of the size."""
    for path in folder.rglob("*"):
        if path.is_file():
            target = packed / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(gzip.compress(path.read_bytes(), compresslevel=6, mtime=0))


def _digest() -> str:
    return hashlib.sha256(f"{OHIF.integrity} {ROOT} {LAYOUT}".encode()).hexdigest()[:16]
