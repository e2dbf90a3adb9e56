"""The viewer and the page at the front door, as CloudFront serves them."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infra.local.front_door import Backends, front_door
from infra.local.ports import any_free_port
from infra.local.served import Served
from infra.local.site import Site
from infra.site_parts import PAGE, PAGE_FOLDER, viewer_parts
from infra.viewer.folder import ViewerFolder
from infra.viewer_config import ViewerConfiguration

EHR = "https://ehr.example.org"
FILES, VIEWER = viewer_parts([EHR])
SCRIPT = b"console.log(1);" * 99


@pytest.fixture(scope="module")
def backends() -> Backends:
    return Backends(fhir="", parts=dict, api="http://127.0.0.1:1/stage", ready=True)


@pytest.fixture(scope="module")
def front(backends: Backends, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = ViewerFolder(tmp_path_factory.mktemp("viewer"))
    release = folder.files / "0123"
    release.mkdir(parents=True)
    (folder.path / "secret.txt").write_text("not to be served")
    (release / "app.bundle.js").write_bytes(gzip.compress(SCRIPT))
    (release / "codec.wasm").write_bytes(gzip.compress(b"\0asm"))
    (release / "out.js").symlink_to(folder.path / "secret.txt")
    folder.index_html.write_text("<!doctype html><title>Viewer</title>")
    backends.site = Site(
        ViewerConfiguration(embedded_in=(EHR,)),
        folder=folder,
        configuration_folder=tmp_path_factory.mktemp("configuration"),
        spaces=["main"],
        public_base_address="https://imaging.example.org",
    )
    served = Served(front_door(backends), port := any_free_port())
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield client
    served.stop()


@pytest.mark.parametrize("path", ["/viewer", "/viewer/", "/viewer/viewer/main?StudyInstanceUIDs=1.2", "/viewer/a.js"])
def test_every_place_in_the_viewer_is_its_page(front: httpx.Client, path: str) -> None:
    answer = front.get(path)

    assert (answer.status_code, answer.text) == (200, "<!doctype html><title>Viewer</title>")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert VIEWER.headers.items() <= dict(answer.headers).items()
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("name", "media_type", "content"),
    [("app.bundle.js", "text/javascript; charset=utf-8", SCRIPT), ("codec.wasm", "application/wasm", b"\0asm")],
)
def test_what_the_viewer_loads_comes_packed_and_stays(
    front: httpx.Client, name: str, media_type: str, content: bytes
) -> None:
    answer = front.get(f"/viewer/files/0123/{name}")

    assert (answer.content, answer.headers["content-encoding"]) == (content, "gzip")
    assert answer.headers["content-type"] == media_type
    assert FILES.headers.items() <= dict(answer.headers).items()
    assert answer.headers["cache-control"] == FILES.cache_control
    assert "immutable" in FILES.cache_control


def test_the_viewers_configuration_is_of_this_deployment(front: httpx.Client) -> None:
    answer = front.get("/viewer/app-config.js")

    assert '"/spaces/main"' in answer.text
    assert "content-encoding" not in answer.headers
    assert VIEWER.headers.items() <= dict(answer.headers).items()


def test_the_page_is_at_the_root(front: httpx.Client) -> None:
    answer = front.get("/")

    assert answer.content == (PAGE_FOLDER / "index.html").read_bytes()
    assert PAGE.headers.items() <= dict(answer.headers).items()
    assert front.get("/page/index.html").content == answer.content


@pytest.mark.parametrize("path", ["/", "/viewer/files/0123/app.bundle.js"])
def test_what_has_not_changed_is_not_sent_again(front: httpx.Client, path: str) -> None:
    known = front.get(path)
    again = front.get(path, headers={"If-None-Match": known.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == known.headers["cache-control"]
    head = front.head(path)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", known.headers["etag"])


@pytest.mark.parametrize(
    "path",
    [
        "/page/../viewer_config.py",
        "/page/%2e%2e/viewer_config.py",
        "/page/..%2fviewer_config.py",
        "/page/%2fetc%2fpasswd",
        "/page//etc/passwd",
        "/page/",
        "/page/none.js",
        "/page/%00",
        "/page/%ff",
        f"/page/{'x' * 5000}",
        "/viewer/files/",
        "/viewer/files/0123",
        "/viewer/files/..%2fsecret.txt",
        "/viewer/files/0123/out.js",
        "/viewer/files/0123/none.js",
    ],
)
def test_nothing_else_is_served(front: httpx.Client, path: str) -> None:
    answer = front.get(path)

    assert answer.status_code == 404
    assert answer.json()["error"].endswith(".")
    assert "cache-control" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/page/index.html", "/viewer/x"])
def test_nothing_is_written_there(front: httpx.Client, path: str) -> None:
    assert [front.request(method, path).status_code for method in ("POST", "PUT", "DELETE")] == [405] * 3


def test_before_the_start_has_come_to_its_end_that_is_told(front: httpx.Client, backends: Backends) -> None:
    site, backends.site, backends.ready = backends.site, None, False
    try:
        assert front.get("/").status_code == 503
        backends.ready = True
        assert front.get("/").status_code == 404
    finally:
        backends.site, backends.ready = site, True


def test_with_a_viewer_elsewhere_there_is_the_page_alone(tmp_path: Path) -> None:
    site = Site(
        ViewerConfiguration(url_template="weasis://{studies}"),
        folder=None,
        configuration_folder=tmp_path,
        spaces=["main"],
        public_base_address="https://imaging.example.org",
    )

    assert not site.has_viewer
    assert list(tmp_path.iterdir()) == []
