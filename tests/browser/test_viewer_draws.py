"""From the patient's record to pixels on the screen, for every kind of picture; IHE RAD-106 in a real browser."""

import re
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.browser.examination import FRAMES, SIDE, SLICES, Examination, ball, film_frame, hounsfield_units
from tests.browser.pictures import Picture, pictures
from tests.browser.viewer import IS_DRAWN, Viewer, bright, coloured
from tests.flow.client import Client, eventually, new_study
from tests.flow.running_system import VIEWER as EMBEDDING

TOLERANCE = 6.0
"""Of 255, on average: codecs lose a little, and the viewer draws smoothly between pixels."""


@pytest.fixture(scope="module")
def every_kind(client: Client) -> list[Picture]:
    """One study with a series for each way in which pictures are stored."""
    study = new_study()[0].study_instance_uid
    made = pictures(study, f"KINDS-{uuid4().hex[:8]}")
    assert client.stow([picture.part10 for picture in made]).status_code == httpx.codes.OK
    return made


@pytest.fixture(scope="module")
def examination(client: Client) -> Examination:
    """CT, film, SEG, RTSTRUCT, two SR and PDF of one patient."""
    examination = Examination(f"EXAM-{uuid4().hex[:8]}")
    assert client.stow(list(examination.instances())).status_code == httpx.codes.OK
    return examination


@pytest.fixture
def viewer(browser_page) -> Viewer:
    return Viewer(browser_page)


def displayed_at(client: Client, **search: str) -> str:
    """Where the record says that a study is displayed: an ImagingStudy by search, and its Endpoint."""
    fhir = client.system.endpoints["fhir"]

    def found() -> dict[str, Any] | None:
        entries = client.http.get(f"{fhir}/ImagingStudy", params=search).json().get("entry", [])
        return entries[0]["resource"] if entries else None

    study = eventually("the study in FHIR", found)
    endpoints = [client.http.get(f"{fhir}/{each['reference']}").json() for each in study["endpoint"]]
    (address,) = (each["address"] for each in endpoints if each["connectionType"]["code"] == "ihe-iid")
    return str(address)


def test_every_kind_of_picture_is_drawn_as_it_is_stored(client, every_kind, viewer, screenshot):
    study = every_kind[0].study_instance_uid
    address = displayed_at(client, identifier=f"urn:dicom:uid|urn:oid:{study}")
    viewer.open(f"{address}?requestType=STUDY&studyUID={study}")
    differences = {}
    for picture in every_kind:
        viewer.show(picture.name)
        viewer.wait_until_drawn(picture.sop_instance_uid)
        differences[picture.name] = viewer.draws(picture.expected, within=TOLERANCE)
        pixels = viewer.pixels()
        assert bright(pixels) > 10_000, picture.name
        assert coloured(pixels) > 1000 if picture.is_coloured else coloured(pixels) == 0, picture.name
    screenshot("every-kind-of-picture")
    assert {name: value for name, value in differences.items() if value > TOLERANCE} == {}


def test_what_belongs_to_a_ct_is_drawn_over_it_and_listed(client, examination, viewer, screenshot):
    """The other request type: all studies of a patient."""
    address = displayed_at(client, **{"patient.identifier": examination.patient_id})
    viewer.open(f"{address}?requestType=PATIENT&patientID={examination.patient_id}")
    for description in ("Ball", "Ball as contours", "Measurement report", "Report as PDF", "Report in words"):
        assert viewer.series(description).count() == 1, description

    for whose in (viewer.on_the_picture, viewer.at_the_top):
        for words in ("Meier, Anna", examination.patient_id):
            assert whose.get_by_text(words, exact=True).is_visible(), words

    viewer.show("CT of a phantom")
    top = examination.slices[-1]  # the viewer begins at the head
    viewer.wait_until_drawn(top.SOPInstanceUID)
    assert viewer.draws(window(hounsfield_units(SLICES - 1)), within=TOLERANCE) <= TOLERANCE
    assert bright(viewer.pixels()) > 100_000
    viewer.scroll(SLICES - 1 - SLICES // 2)
    viewer.wait_until_drawn(examination.slices[SLICES // 2].SOPInstanceUID)
    assert viewer.draws(window(hounsfield_units(SLICES // 2)), within=TOLERANCE) <= TOLERANCE
    assert coloured(viewer.pixels()) == 0

    viewer.show("Film of 200 frames")
    viewer.wait_until_drawn("/frames/1")
    assert viewer.draws(film_frame(0) / 16, within=TOLERANCE) <= TOLERANCE
    viewer.page.keyboard.press("End")
    viewer.wait_until_drawn(f"/frames/{FRAMES}")
    assert viewer.draws(film_frame(FRAMES - 1) / 16, within=TOLERANCE) <= TOLERANCE
    screenshot("film-of-200-frames")

    viewer.show("Measurement report")
    viewer.wait_until_drawn(examination.slices[SLICES // 2].SOPInstanceUID)
    x1, y1, x2, y2 = viewer.line()
    assert y1 == y2
    assert (x2 - x1) / viewer.pixels().shape[0] * SIDE == pytest.approx(examination.measured_pixels)
    screenshot("measurement-report")

    viewer.show("Report as PDF")
    viewer.page.wait_for_selector("object[data^='blob:'][type='application/pdf']")

    viewer.show("Report in words")
    for words in ("There is a ball in the phantom.", "It is round."):
        viewer.page.get_by_text(words).wait_for()

    viewer.show("Ball")
    viewer.page.get_by_role("button", name="Yes", exact=True).click()
    viewer.scroll(SLICES - 1 - SLICES // 2)
    scale = viewer.pixels().shape[0] / SIDE
    segmented = ball(SLICES // 2).sum() * scale**2
    eventually("the segment over its slice", lambda: coloured(viewer.pixels()) == pytest.approx(segmented, rel=0.1))
    screenshot("segmentation")


@pytest.mark.parametrize("context_options", [{"viewport": {"width": 390, "height": 844}, "is_mobile": True}])
def test_on_a_phone_nothing_takes_the_width_from_the_picture(client, examination, viewer, screenshot):
    """Opened as from the viewer's own list, which names no space for the first one."""
    viewer.open(f"{client.system.front}/viewer/viewer?StudyInstanceUIDs={examination.study_instance_uid}")
    box = viewer.page.locator("canvas.cornerstone-canvas").bounding_box()
    assert box is not None
    assert box["width"] > 280
    assert viewer.on_the_picture.get_by_text("Meier, Anna", exact=True).is_visible()
    assert viewer.page.get_by_text("Meier, Anna", exact=True).count() == 1
    assert viewer.page.evaluate("localStorage.getItem('shownTours')") is None, "a tour lay over the picture"
    screenshot("viewer-on-a-phone")


@pytest.mark.parametrize(("origin", "is_shown"), [(EMBEDDING, True), ("https://elsewhere.example.org", False)])
def test_only_configured_origins_may_frame_it(client, examination, viewer, watch, origin, is_shown):
    page = viewer.page
    page.context.grant_permissions(["local-network-access"])  # the record is on the Internet, the system is not
    watch.expect(rf"elsewhere: GET {re.escape(origin)}/")
    address = f"{client.system.front}/IHEInvokeImageDisplay?requestType=STUDY&studyUID={examination.study_instance_uid}"
    page.route(f"{origin}/**", lambda route: route.fulfill(content_type="text/html", body=f"<iframe src={address!r}>"))
    if not is_shown:
        watch.expect("frame-ancestors|ERR_BLOCKED_BY_RESPONSE")
    page.goto(f"{origin}/record")
    (frame,) = page.main_frame.child_frames
    if is_shown:
        frame.wait_for_function(IS_DRAWN, arg="", timeout=30_000)
    else:
        frame.wait_for_load_state()
        assert frame.url.startswith("chrome-error:")


def window(values: NDArray[Any], centre: float = 40, width: float = 400) -> NDArray[Any]:
    return np.clip((values - centre) / width + 0.5, 0, 1) * 255
