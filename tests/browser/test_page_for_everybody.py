"""The page of what came in by keyboard, on a phone, in the dark, and for a screen reader."""

from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.browser.arrivals_page import UNDECODABLE, WAIT_MS, ArrivalsPage, picture_of, report_of
from tests.browser.axe import violations
from tests.browser.staged_answers import StagedAnswers
from tests.flow.client import new_study

expect.set_options(timeout=WAIT_MS)
TROUBLED = {
    "as_of": "2026-11-22T16:00:00+00:00",
    "queues": [
        {
            "name": "publish_study",
            "kind": "publish_study",
            "figures": {"waiting": 3, "under_way": 1, "dead_letters": 2, "oldest_seconds": 4000},
        }
    ],
    "waiting": {"studies_open": 1, "revisions_unpublished": 2},
    "fhir_errors": {"not-published": 14, "invalid-tag": 1},
    "trouble": [
        "2 dead letters in publish_study: `imaging explain publish_study` says why.",
        "14 studies could not be written to FHIR: `imaging errors --kind not-published` says why.",
    ],
}


@pytest.fixture
def arrivals(browser_page, watch) -> ArrivalsPage:
    watch.expect(UNDECODABLE)
    watch.expect(r"status: 4\d\d POST \S+/studies$")
    watch.expect("console: .*status of 4")
    return ArrivalsPage(browser_page)


def test_axe_core_finds_nothing_in_light_and_dark_on_a_desk_and_a_phone(arrivals, client, screenshot):
    # Given studies in several states, a refused file, and a system in trouble
    page, patient = arrivals.page, f"P{uuid4().hex[:10]}"
    (picture,), (report,), (nameless,) = new_study(), new_study(), new_study()
    client.stow([picture_of(picture, PatientID=patient, PatientName="Meier^Anna", StudyDescription="CT Thorax")])
    client.stow([report_of(report, PatientID=patient, PatientName="Meier^Anna")])
    client.stow([picture_of(nameless, PatientID="", AccessionNumber=patient)])
    page.route("**/status", lambda route: route.fulfill(json=TROUBLED))
    arrivals.open(f"?text={patient}")
    expect(arrivals.row(nameless).locator(".state")).to_contain_text("Not in FHIR")
    expect(arrivals.row(picture).get_by_role("img")).to_be_visible()
    page.get_by_label("Choose files").set_input_files(
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no DICOM"}
    )
    expect(arrivals.refused).to_be_visible()
    expect(page.get_by_text("2 things need attention.")).to_be_visible()
    expect(page.locator(".troubles code").first).to_have_text("imaging explain publish_study")
    page.get_by_text("Queues and FHIR").click()

    for width, scheme in ((1280, "light"), (1280, "dark"), (320, "light")):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert violations(page) == [], (width, scheme)
        assert not arrivals.is_wider_than_the_screen, (width, scheme)
        # Without it Safari takes a list for none whose marks are not shown.
        assert page.locator(":is(ul, ol):not([role=list])").count() == 0
        screenshot(f"page-in-trouble-{width}-{scheme}")

    # And with nothing to show
    arrivals.open("?text=nobody-has-this-name")
    expect(arrivals.nothing).to_be_visible()
    assert violations(page) == []


def test_all_of_it_is_reached_by_the_keyboard(arrivals):
    page, answers = arrivals.page, StagedAnswers(arrivals.page)
    answers.has(1)["links"]["imaging_study"] = "/fhir/ImagingStudy?identifier=urn:dicom:uid%7Curn:oid:2.25.1"
    arrivals.open()
    expect(page.get_by_role("navigation", name="Spaces").get_by_role("link")).to_have_count(2)

    # From the top straight to the studies
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the studies")).to_be_focused()
    page.keyboard.press("Enter")
    for name in ("View: Meier, Anna", "FHIR: Meier, Anna", "History: Meier, Anna", "DICOMweb: Meier, Anna"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name=name)).to_be_focused()

    # and everything else in the order in which it stands there.
    page.get_by_role("link", name="Skip to the studies").focus()
    reached = []
    while not reached or reached[-1] != "text":
        page.keyboard.press("Tab")
        reached.append(page.evaluate("(({ id, name, tagName }) => name || id || tagName)(document.activeElement)"))
        assert len(reached) < 30, reached
    assert [name for name in reached if name not in ("A", "BUTTON", "SUMMARY")] == [
        "store-space",
        "choose-files",
        "choose-folder",
        "text",
    ]
    with page.expect_file_chooser():
        page.get_by_label("Choose files").focus()
        page.keyboard.press("Enter")
