"""OHIF as it is served: nothing in it asks for what is not there, or for what is not ours."""

import gzip
import json
import re
import subprocess
from pathlib import Path

import pytest

from infra.node import node_folder
from infra.npm_package import PackageError
from infra.viewer.app_config import app_config
from infra.viewer.folder import ViewerFolder, viewer_folder
from infra.viewer.index_html import index_html
from infra.viewer.ohif import is_served
from infra.viewer.paths import serve_below

SHOW_CONFIGURATION = """
globalThis.window = globalThis;
window.location = { origin: 'http://localhost:8080' };
(0, eval)(require('fs').readFileSync(0, 'utf8'));
console.log(JSON.stringify({ ...window.config, publicUrl: window.PUBLIC_URL }));
"""


@pytest.fixture(scope="module")
def viewer() -> ViewerFolder:
    return viewer_folder()


def files_of(viewer: ViewerFolder) -> Path:
    [folder] = viewer.files.iterdir()
    return folder


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
    folder = files_of(viewer)
    [application] = folder.glob("app.bundle.*.js")
    names, hashes = re.search(
        r'return "" \+ \((\{.*?\})\[chunkId\].*?\+ (\{.*?\})\[chunkId\] \+ "\.js"', unpacked(application)
    ).groups()
    named = dict(re.findall(r'(\d+): "([\w-]+)"', names))
    chunks = dict(re.findall(r'(\d+): "([0-9a-f]+)"', hashes))

    assert len(chunks) > 40
    for chunk, digest in chunks.items():
        assert (folder / f"{named.get(chunk, chunk)}.bundle.{digest}.js").is_file(), chunk
    for path in folder.glob("*.bundle.*.js"):
        for below in re.findall(r'__webpack_require__\.p = "(.*?)"', unpacked(path)):
            assert below == f"/viewer/files/{folder.name}/", path.name
        for name in re.findall(r'__webpack_require__\.p \+ "([^"]+)"', unpacked(path)):
            assert (folder / name).is_file(), name


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
