"""Makes the folder that is served, once: fetched, rewritten, packed."""

import fcntl
import gzip
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from infra.dependencies import ROOT as TREE
from infra.viewer.app_config import ROOT
from infra.viewer.index_html import index_html
from infra.viewer.ohif import DIST, OHIF, is_served
from infra.viewer.paths import serve_below

_BUILD = TREE / ".build"
_UNFINISHED = _BUILD / "viewer-unfinished"
_FILES = "files"
_MADE_BY = ("ohif.py", "paths.py", "index_html.py", "folder.py")


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
    return ViewerFolder(_BUILD / f"viewer-{_digest()}")


def viewer_folder() -> ViewerFolder:
    """Make the folder, or find the one made before.

    Raises
    ------
    PackageError
        If the package cannot be had, or is another than was pinned.
    """
    made = planned()
    _BUILD.mkdir(exist_ok=True)
    with (_BUILD / "viewer.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.is_made:
            _make(made)
    return made


def _make(made: ViewerFolder) -> None:
    below = f"{ROOT}/{_FILES}/{_digest()}"
    shutil.rmtree(_UNFINISHED, ignore_errors=True)  # of one that was killed
    package, unfinished = _UNFINISHED / "package", ViewerFolder(_UNFINISHED / "viewer")
    package.mkdir(parents=True)
    OHIF.unpack(package, wanted=is_served)
    dist = package / DIST
    serve_below(dist, below)
    _pack(dist, unfinished.files / _digest())
    unfinished.index_html.write_text(index_html(dist, root=ROOT, below=below), "utf-8")
    unfinished.path.rename(made.path)
    shutil.rmtree(_UNFINISHED)


def _pack(folder: Path, packed: Path) -> None:
    """Write each file once more, as browsers take it over the wire: a third of the size."""
    for path in folder.rglob("*"):
        if path.is_file():
            target = packed / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(gzip.compress(path.read_bytes(), compresslevel=6, mtime=0))


def _digest() -> str:
    content = b"\0".join(Path(__file__).with_name(name).read_bytes() for name in _MADE_BY)
    return hashlib.sha256(content).hexdigest()[:16]
