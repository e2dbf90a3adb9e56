"""A page of another origin reads what the system answers, whichever process does; PS3.18 is silent, Fetch decides."""

import httpx
import pytest

from tests.flow.running_system import VIEWER, RunningSystem

ASKED_BEFORE = {"Origin": VIEWER, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "range"}
PATHS = ["", "/studies", "/studies/1.2", "/studies/1.2/series/1.3/instances/1.4/frames/1", "/nothing"]


@pytest.mark.parametrize("path", PATHS)
def test_a_browser_is_told_before_that_it_may_ask(system: RunningSystem, path: str) -> None:
    answer = httpx.options(system.dicomweb() + path, headers=ASKED_BEFORE)

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == VIEWER
    assert "range" in answer.headers["access-control-allow-headers"].lower()


@pytest.mark.parametrize("path", PATHS[1:])
def test_answers_of_the_function_and_of_the_gateway_can_be_read_refusals_too(system: RunningSystem, path: str) -> None:
    answer = httpx.get(system.dicomweb() + path, headers={"Origin": VIEWER})

    assert answer.headers["access-control-allow-origin"] == VIEWER
    assert "Origin" in answer.headers["vary"]
    assert "link" in answer.headers["access-control-expose-headers"].lower()


def test_stores_and_deletions_can_be_read_too(system: RunningSystem) -> None:
    page = {"Origin": VIEWER}
    stored = httpx.post(f"{system.dicomweb()}/studies", content=b"not DICOM", headers=page)
    deleted = httpx.delete(f"{system.dicomweb()}/studies/1.2.3", headers=page)

    for answer, status in ((stored, 415), (deleted, 404)):
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, VIEWER)


def test_a_page_from_elsewhere_reads_nothing(system: RunningSystem) -> None:
    elsewhere = {**ASKED_BEFORE, "Origin": "https://elsewhere.example.org"}

    for answer in (
        httpx.options(f"{system.dicomweb()}/studies", headers=elsewhere),
        httpx.get(f"{system.dicomweb()}/studies", headers=elsewhere),
        httpx.get(f"{system.dicomweb()}/studies/1.2", headers=elsewhere),
    ):
        assert "access-control-allow-origin" not in answer.headers
