"""The drop area: files and folders are stored by STOW-RS, and what is refused says why."""

from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Route, expect

from tests.browser.arrivals_page import UNDECODABLE, WAIT_MS, ArrivalsPage, picture_of
from tests.flow.client import new_study

expect.set_options(timeout=WAIT_MS)
LEFT_WAITING = 10_000


@pytest.fixture
def arrivals(browser_page, watch) -> ArrivalsPage:
    watch.expect(UNDECODABLE)
    # What the server refuses is in the console, whatever a page does.
    watch.expect(r"status: 4\d\d POST \S+/studies$")
    watch.expect("console: .*status of 4")
    return ArrivalsPage(browser_page).open()


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two instances of a study, one of them further down, and two files that are none."""
    (tmp_path / "CD" / "IMAGES" / "1").mkdir(parents=True)
    (tmp_path / "CD" / "README.txt").write_text("This disc holds images.")
    (tmp_path / "CD" / "EMPTY").touch()
    return tmp_path / "CD"


def test_a_folder_is_stored_file_by_file_and_what_is_refused_says_why(arrivals, folder):
    page, keys = arrivals.page, new_study(instances=2)
    patient = f"P{uuid4().hex[:10]}"
    (folder / "IMAGES" / "1" / "a.dcm").write_bytes(picture_of(keys[0], PatientID=patient))
    (folder / "b.dcm").write_bytes(picture_of(keys[1], PatientID=patient))

    page.get_by_label("Choose a folder").set_input_files(folder)

    expect(arrivals.uploads.get_by_role("heading", level=2)).to_have_text("2 files stored, 2 refused.")
    expect(arrivals.row(keys[0])).to_contain_text("1 series, 2 instances")
    refused = arrivals.refused.get_by_role("listitem")
    expect(refused).to_have_count(2)
    expect(refused.filter(has_text="CD/README.txt")).to_contain_text("not a DICOM file")
    expect(refused.filter(has_text="CD/EMPTY")).to_contain_text("holds no instance")
    expect(page.locator("#announcements")).to_contain_text("2 files stored, 2 refused.")

    refused.filter(has_text="CD/EMPTY").get_by_role("button").click()
    expect(refused).to_have_count(2)
    page.get_by_role("button", name="Close").click()
    expect(arrivals.uploads).to_be_hidden()


def test_a_drop_goes_to_the_chosen_space_and_through_a_server_that_is_busy(arrivals, folder, watch):
    page, (key,) = arrivals.page, new_study(space="research")
    (folder / "IMAGES" / "1" / "a.dcm").write_bytes(picture_of(key, PatientID=f"P{uuid4().hex[:10]}"))
    tries: list[str] = []

    def once_busy(route: Route) -> None:
        tries.append(route.request.url)
        if len(tries) == 1:
            route.fulfill(status=503, headers={"Retry-After": "1"}, json={"error": "Send it again."})
        else:
            route.continue_()

    watch.expect("status: 503|console: .*status of 503")
    page.route("**/spaces/research/studies", once_busy)
    page.get_by_label("into").select_option("research")
    drag(page, "dragEnter", folder / "IMAGES")
    drag(page, "dragOver", folder / "IMAGES")
    expect(page.get_by_text("Drop to store in research")).to_be_visible()
    drag(page, "drop", folder / "IMAGES")

    expect(arrivals.uploads.get_by_role("heading", level=2)).to_have_text("1 file stored.")
    expect(page.locator("#drop-veil")).to_be_hidden()
    assert len(tries) == 2
    expect(arrivals.row(key)).to_be_visible()


def test_ten_thousand_files_are_no_ten_thousand_rows_and_can_be_cancelled(arrivals):
    page = arrivals.page
    page.route("**/spaces/*/studies", lambda route: None)  # a server that takes its time

    page.evaluate(
        """count => {
            const transfer = new DataTransfer();
            for (let number = 0; number < count; number += 1) transfer.items.add(new File(["x"], `${number}.dcm`));
            const drop = new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
            document.body.dispatchEvent(drop);
        }""",
        LEFT_WAITING,
    )

    expect(arrivals.uploads.get_by_role("heading", level=2)).to_have_text("Storing 10,000 files")
    expect(arrivals.uploads.get_by_role("list", name="Under way").get_by_role("listitem")).to_have_count(4)
    assert arrivals.uploads.locator("li").count() == 4
    assert page.evaluate("() => !dispatchEvent(new Event('beforeunload', { cancelable: true }))")
    page.get_by_role("button", name="Cancel").click()
    expect(arrivals.uploads.get_by_role("heading", level=2)).to_have_text("0 files stored, 10,000 cancelled.")
    assert page.evaluate("() => dispatchEvent(new Event('beforeunload', { cancelable: true }))")


def drag(page, kind: str, path: Path) -> None:
    """As a file manager does, which Playwright has no words for."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    session.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})
    session.detach()
