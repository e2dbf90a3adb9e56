"""OHIF as it is served: nothing in it asks for what is not there, or for what is not ours."""

import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.local.child import Child
from infra.local.failure import CannotRun
from infra.local.viewer_process import wait_until_made
from infra.node import node_folder
from infra.npm_package import NpmPackage, PackageError
from infra.viewer import folder
from infra.viewer.app_config import app_config
from infra.viewer.folder import ViewerFolder, viewer_folder
from infra.viewer.index_html import index_html
from infra.viewer.ohif import is_served
from infra.viewer.paths import serve_below

SHOW_CONFIGURATION = """
globalThis.window = globalThis;
window.location = { origin: 'http://localhost:8080' };
window.matchMedia = () => ({ matches: false });
(0, eval)(require('fs').readFileSync(0, 'utf8'));
console.log(JSON.stringify({ ...window.config, publicUrl: window.PUBLIC_URL }));
"""


@pytest.fixture(scope="module")
def viewer() -> ViewerFolder:
    return viewer_folder()


def files_of(viewer: ViewerFolder) -> Path:
    [files] = viewer.files.iterdir()
    return files


def unpacked(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode()


def test_its_page_loads_what_is_there_and_has_no_script_of_its_own(viewer: ViewerFolder) -> None:
    page = viewer.index_html.read_text()
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)

    assert len(addresses) == 4
    for address in addresses:
        if address != "/viewer/app-config.js":
            assert viewer.path.joinpath(address.removeprefix("/viewer/")).is_file(), address
    assert not re.search(r"<script(?![^>]* src=)", page)
    assert " style=" not in page


def test_every_chunk_worker_and_style_that_its_application_names_is_there(viewer: ViewerFolder) -> None:
    files = files_of(viewer)
    [application] = files.glob("app.bundle.*.js")
    names, hashes = re.search(
        r'return "" \+ \((\{.*?\})\[chunkId\].*?\+ (\{.*?\})\[chunkId\] \+ "\.js"', unpacked(application)
    ).groups()
    named = dict(re.findall(r'(\d+): "([\w-]+)"', names))
    chunks = dict(re.findall(r'(\d+): "([0-9a-f]+)"', hashes))

    assert len(chunks) > 40
    for chunk, digest in chunks.items():
        assert (files / f"{named.get(chunk, chunk)}.bundle.{digest}.js").is_file(), chunk
    for path in files.glob("*.bundle.*.js"):
        for below in re.findall(r'__webpack_require__\.p = "(.*?)"', unpacked(path)):
            assert below == f"/viewer/files/{files.name}/", path.name
        for name in re.findall(r'__webpack_require__\.p \+ "([^"]+)"', unpacked(path)):
            assert (files / name).is_file(), name


def test_styles_load_what_is_there(viewer: ViewerFolder) -> None:
    for path in files_of(viewer).glob("*.css"):
        for address in re.findall(r"url\((/[^)]*)\)", unpacked(path)):
            assert viewer.path.joinpath(address.removeprefix("/viewer/")).is_file(), address


def test_it_is_small_enough_to_fetch_and_has_no_service_worker(viewer: ViewerFolder) -> None:
    files = [path for path in files_of(viewer).rglob("*") if path.is_file()]

    assert sum(path.stat().st_size for path in files) < 20e6
    assert not [path for path in files if path.name in ("sw.js", "init-service-worker.js") or path.suffix == ".map"]


def test_it_is_made_once(viewer: ViewerFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", None)

    assert viewer_folder() == viewer


PUBLIC_PATH = '__webpack_require__.p = "/";'
NAMELESS = (
    "const { CodeValue } = ConceptNameCodeSequence;" * 2
    + "item.ConceptNameCodeSequence.CodeValue;" * 16
    + 'createElement("span", { }, CodeMeaning, ": ");'
)
SMALL = {
    "dist/app.bundle.0123.js": f"{PUBLIC_PATH * 8} load('/dicom-microscopy-viewer/index.js');{NAMELESS}",
    "dist/app.bundle.css": "a { src: url(/a.woff2) }" * 5,
    "dist/a.woff2": "a font",
    "dist/assets/favicon.png": "a picture",
    "dist/sw.js": "a service worker",
}
MADE_OF_SMALL = {2: "7f3021c3"}
"""By the layout's number: what becomes of those files."""


@dataclass(frozen=True)
class SmallPackage(NpmPackage):
    """Nothing has to be fetched for it."""

    def unpack(self, into: Path, *, wanted: Callable[[str], bool] = lambda _: True) -> None:
        for name, content in SMALL.items():
            if wanted(name):
                into.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
                into.joinpath(name).write_text(content)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the viewer is made of a small package."""
    monkeypatch.setattr(folder, "BUILD", tmp_path)
    monkeypatch.setattr(folder, "OHIF", SmallPackage("small", "1.0.0", "sha512-small"))
    return tmp_path


def test_another_make_of_the_same_package_has_another_number(small: Path) -> None:
    """Else what was made before would go on being served, and kept by browsers."""
    made = viewer_folder()
    [name] = [path.name for path in made.files.iterdir()]
    content = [made.index_html.read_text()]
    for path in sorted(files_of(made).rglob("*.*")):
        content += [str(path.relative_to(made.files)), unpacked(path)]
    digest = hashlib.sha256("\0".join(content).replace(name, "NAME").encode()).hexdigest()[:8]

    assert MADE_OF_SMALL.get(folder.LAYOUT) == digest, "count folder.LAYOUT up, and write here what is made then"


def test_what_it_takes_the_place_of_is_removed(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = viewer_folder()
    (small / "viewer-unfinished" / "package").mkdir(parents=True)  # of one that was killed
    (small / "axe-core").mkdir()
    monkeypatch.setattr(folder, "LAYOUT", folder.LAYOUT + 1)
    second = viewer_folder()

    assert first.path != second.path
    assert {path.name for path in small.iterdir()} == {second.path.name, "viewer.lock", "axe-core"}


def test_where_it_cannot_be_made_that_is_told_with_what_runs_without(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SMALL, "dist/app.bundle.4567.js", "another application")
    with pytest.raises(
        PackageError, match=r"^OHIF's package does not hold .*\. With imaging\.viewer \"none\" the system"
    ):
        viewer_folder()

    making = Child(
        "making",
        [sys.executable, "-c", f"import sys; sys.exit('Why. {folder.RUNS_WITHOUT}')"],
        os.environ,
        log := tmp_path / "log",
    )
    with pytest.raises(CannotRun, match=rf"^Why\. {re.escape(folder.RUNS_WITHOUT)} {log} says more\.$"):
        wait_until_made(making)


def test_another_version_whose_paths_stand_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "app.bundle.0123.js").write_text('__webpack_require__.p = "/";')

    with pytest.raises(PackageError, match="in other places than in the version that was pinned"):
        serve_below(tmp_path, "/viewer/files/0123")


def test_a_package_without_the_application_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"does not hold the one app\.bundle"):
        index_html(tmp_path, root="/viewer", below="/viewer/files/0123")


@pytest.mark.parametrize(
    "path", ["README.md", "dist/sw.js", "dist/ort/ort.js", "dist/index.html", "dist/a.bundle.js.map"]
)
def test_what_never_runs_is_left_out(path: str) -> None:
    assert not is_served(path)


def test_its_configuration_names_the_spaces_and_no_other_place() -> None:
    node = [str(node_folder() / "node"), "-e", SHOW_CONFIGURATION]
    shown = json.loads(
        subprocess.run(
            node,
            input=app_config(["main", "o'neill"], "https://imaging.example.org"),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )

    assert (shown["publicUrl"], shown["routerBasename"], shown["defaultDataSourceName"]) == (
        "/viewer/",
        "/viewer",
        "main",
    )
    assert [each["sourceName"] for each in shown["dataSources"]] == ["main", "o'neill"]
    for each in shown["dataSources"]:
        root = f"http://localhost:8080/spaces/{each['sourceName']}"
        configuration = each["configuration"]
        assert {configuration[name] for name in ("qidoRoot", "wadoRoot")} == {root}
        assert configuration["wadoUriRoot"] == f"{root}/wado"
        bulk_data = configuration["bulkDataURI"]
        moved = (bulk_data["startsWith"], bulk_data["prefixWith"])
        assert moved == ("https://imaging.example.org/", "http://localhost:8080/")
    assert "oidc" not in shown  # that is the place of sign-in
