"""The sample study is a whole study with pictures, and a tour that fails is told in a sentence."""

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from rich.console import Console
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from infra.local.front_door import Backends, front_door
from infra.local.ports import any_free_port
from infra.local.progress import Progress
from infra.local.sample_study import STUDY_INSTANCE_UID, data_set, sample_study
from infra.local.sample_tour import SampleTour
from infra.local.served import Served
from infra.local.site import Site
from infra.viewer.folder import ViewerFolder
from infra.viewer_config import ViewerConfiguration


def test_the_sample_study_is_whole_and_has_pictures() -> None:
    data_sets = [pydicom.dcmread(instance.path) for instance in sample_study()]
    assert len(data_sets) == 11
    assert len({ds.StudyInstanceUID for ds in data_sets}) == 1
    assert len({ds.SeriesInstanceUID for ds in data_sets}) == 3
    assert all(len(ds.PixelData) == ds.Rows * ds.Columns * 2 for ds in data_sets)


def test_the_data_set_begins_behind_the_file_meta_information() -> None:
    part10 = sample_study()[0].part10
    assert data_set(part10).startswith(b"\x08\x00")
    assert part10.endswith(data_set(part10))


def test_a_system_that_does_not_answer_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    shown = io.StringIO()
    front = f"http://127.0.0.1:{any_free_port()}"
    endpoints = {
        "spaces": {"main": {"dicomweb": f"{front}/spaces/main", "ae_title": "MAIN"}},
        "dimse": {"host": "127.0.0.1", "port": any_free_port()},
        "fhir": f"{front}/fhir",
        "aws": {"event_bus": "imaging"},
    }

    SampleTour(endpoints, 1, Progress(Console(file=shown, width=200)), has_viewer=True)()

    assert shown.getvalue().startswith("The sample study did not come through (ConnectError: ")
    assert shown.getvalue().endswith("The system stays up.\n")


def system_with_the_sample_study(front: str) -> Starlette:
    """Answers what the tour asks where the study is there from the run before, which had a viewer."""
    endpoint = {"connectionType": {"code": "ihe-iid"}, "address": f"{front}/IHEInvokeImageDisplay"}
    imaging_study = {
        "id": "1",
        "meta": {"source": f"{front}/spaces/main"},
        "identifier": [{"value": f"urn:oid:{STUDY_INSTANCE_UID}"}],
        "numberOfInstances": 11,
        "endpoint": [{"reference": "Endpoint/1"}],
    }

    async def revisions(_: Request) -> Response:
        return JSONResponse([{"revision": 1, "instances": 11}])

    async def search(_: Request) -> Response:
        return JSONResponse({"entry": [{"resource": imaging_study}]})

    async def ihe_iid(_: Request) -> Response:
        return JSONResponse(endpoint)

    async def display(_: Request) -> Response:
        return RedirectResponse(f"{front}/viewer/viewer/main?StudyInstanceUIDs={STUDY_INSTANCE_UID}", 302)

    return Starlette(
        routes=[
            Route("/stage/spaces/main/studies/{study}/revisions", revisions),
            Route("/fhir/ImagingStudy", search),
            Route("/fhir/Endpoint/1", ihe_iid),
            Route("/stage/IHEInvokeImageDisplay", display),
        ]
    )


@pytest.fixture
def front(tmp_path: Path) -> Iterator[str]:
    """A front door before it, with a viewer whose files are in `tmp_path`."""
    folder = ViewerFolder(tmp_path / "viewer")
    folder.files.mkdir(parents=True)
    folder.index_html.write_text(
        '<link rel="icon" href="/viewer/files/a.png"><script src="/viewer/app-config.js"></script>'
        '<script src="/viewer/files/app.bundle.js" defer></script>'
    )
    for name in ("a.png", "app.bundle.js"):
        (folder.files / name).write_bytes(gzip.compress(b"content"))
    site = Site(
        ViewerConfiguration(),
        folder=folder,
        configuration_folder=tmp_path / "configuration",
        spaces=["main"],
        public_base_address="https://imaging.example.org",
    )
    behind, port = any_free_port(), any_free_port()
    address = f"http://127.0.0.1:{port}"
    backend = f"http://127.0.0.1:{behind}"
    backends = Backends(fhir=backend, api=f"{backend}/stage", parts=dict, site=site, ready=True)
    parts = [Served(system_with_the_sample_study(address), behind), Served(front_door(backends), port)]
    yield address
    for part in reversed(parts):
        part.stop()


def tour(front: str, *, has_viewer: bool = True) -> str:
    shown = io.StringIO()
    endpoints: dict[str, Any] = {
        "spaces": {"main": {"dicomweb": f"{front}/spaces/main"}},
        "fhir": f"{front}/fhir",
        **({"viewer": f"{front}/viewer"} if has_viewer else {}),
    }
    SampleTour(endpoints, 1, Progress(Console(file=shown, width=400)), has_viewer=has_viewer)()
    return shown.getvalue()


def test_the_tour_ends_with_the_link_that_opens_the_viewer(front: str) -> None:
    link = f"{front}/IHEInvokeImageDisplay?requestType=STUDY&studyUID={STUDY_INSTANCE_UID}"

    assert f"display     open this in a browser: {link}" in tour(front)


def test_a_run_without_a_viewer_follows_no_endpoint_that_a_run_with_one_has_published(front: str) -> None:
    shown = tour(front, has_viewer=False)

    assert "published" in shown
    assert "display" not in shown
    assert "did not come through" not in shown


@pytest.mark.parametrize("lacking", ["viewer/files/app.bundle.js", "configuration/app-config.js"])
def test_a_viewer_that_lacks_what_its_page_loads_is_told(front: str, tmp_path: Path, lacking: str) -> None:
    """The page itself is answered at every address of the viewer, so it says nothing."""
    (tmp_path / lacking).unlink()

    shown = tour(front)

    assert "open this in a browser" not in shown
    assert f"lacks {front}/viewer/" in shown
    assert Path(lacking).name in shown
