"""The page of what came in: studies appear, change and go by themselves, and are found by filters."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.browser.arrivals_page import SECONDS, UNDECODABLE, WAIT_MS, ArrivalsPage, picture_of
from tests.flow.client import eventually, new_study

expect.set_options(timeout=WAIT_MS)


@pytest.fixture
def arrivals(browser_page, watch) -> ArrivalsPage:
    watch.expect(UNDECODABLE)
    return ArrivalsPage(browser_page)


def patient_id() -> str:
    return f"P{uuid4().hex[:10]}"


def test_studies_appear_without_a_reload_and_are_followed_into_fhir_and_the_viewer(arrivals, client, screenshot):
    page, (key, further) = arrivals.page, new_study(instances=2)
    (nameless,), (deleted,) = new_study(), new_study()
    arrivals.open().follow_feeds()
    page.evaluate("window.isTheSame = true")
    patient = patient_id()

    client.stow([picture_of(key, PatientID=patient, PatientName="Meier^Anna Maria", StudyDescription="CT Thorax")])
    client.stow([picture_of(nameless, PatientID="", PatientName=""), picture_of(deleted, PatientID=patient_id())])

    row = arrivals.row(key)
    expect(row.get_by_role("heading")).to_have_text("Meier, Anna Maria")
    expect(row).to_contain_text(f"ID {patient}")
    expect(row).to_contain_text("CT Thorax")
    expect(row).to_contain_text("2 Jan 2026")
    expect(row.get_by_role("list", name="Modalities")).to_have_text("CT")
    expect(page.locator("#announcements")).to_contain_text("came in")
    expect(row.locator(".state")).to_contain_text("Revision 1")
    expect(row.locator(".state")).to_contain_text("In FHIR")
    row.scroll_into_view_if_needed()
    expect(row.get_by_role("img", name="A picture of the CT study")).to_be_visible()
    assert row.locator("img").evaluate("image => image.naturalWidth") > 100

    # What cannot be in FHIR says why, and what is deleted goes.
    other = arrivals.row(nameless)
    expect(other.get_by_role("heading")).to_have_text("No name")
    expect(other).to_contain_text("No patient ID")
    expect(other.locator(".state")).to_contain_text("Not in FHIR")
    expect(other.get_by_role("list", name="Why it is not in FHIR")).to_contain_text("PatientID")
    expect(arrivals.row(deleted)).to_be_visible()
    client.delete(deleted)

    # What comes late changes the row in place, where the focus stays.
    history = row.get_by_role("link", name="History")
    history.focus()
    client.stow([picture_of(further, PatientID=patient, PatientName="Meier^Anna Maria")])
    expect(row).to_contain_text("1 series, 2 instances")
    expect(row.locator(".state")).to_contain_text("Revision 2")
    expect(history).to_be_focused()
    expect(arrivals.row(deleted)).to_have_count(0)
    assert page.evaluate("window.isTheSame")
    screenshot("page")

    # Its links lead where they say.
    assert page.request.get(history.get_attribute("href")).json()
    bundle = page.request.get(row.get_by_role("link", name="FHIR").get_attribute("href")).json()
    assert bundle["entry"][0]["resource"]["resourceType"] == "ImagingStudy"
    series = page.request.get(row.get_by_role("link", name="DICOMweb").get_attribute("href")).json()
    assert series[0]["0020000E"]["Value"] == [key.series_instance_uid]
    # The picture belongs to the same link as "View".
    picture = row.locator(".picture").bounding_box()
    page.mouse.click(picture["x"] + picture["width"] / 2, picture["y"] + picture["height"] / 2)
    page.wait_for_url("**/viewer/**", wait_until="commit")
    assert parse_qs(urlsplit(page.url).query)["StudyInstanceUIDs"] == [key.study_instance_uid]


def test_filters_are_kept_in_the_address_and_taken_back_by_the_browser(arrivals, client, watch):
    page, patient = arrivals.page, patient_id()
    (ct,), (mr,), (elsewhere,) = new_study(), new_study(), new_study(space="research")
    client.stow([picture_of(ct, PatientID=patient, StudyDescription="Zürich erste")])
    client.stow([picture_of(mr, PatientID=patient, Modality="MR")])
    client.stow([picture_of(elsewhere, PatientID=patient, Modality="MR")], space="research")
    every = {ct, mr, elsewhere}

    def shows(*keys):
        for key in every:
            expect(arrivals.row(key)).to_have_count(int(key in keys))
        expect(arrivals.list.locator("> li")).to_have_count(len(keys))

    arrivals.open()
    arrivals.search.fill(patient.lower())
    shows(*every)
    page.get_by_label("Modality", exact=True).fill("mr")
    shows(mr, elsewhere)
    page.locator("#filters").get_by_label("Space").select_option("research")
    shows(elsewhere)
    assert parse_qs(urlsplit(page.url).query) == {"text": [patient.lower()], "modality": ["MR"], "space": ["research"]}

    page.reload()
    shows(elsewhere)
    page.go_back()
    shows(mr, elsewhere)
    page.get_by_role("navigation", name="Spaces").get_by_role("link", name="main").click()
    shows(mr)
    page.go_back()
    page.go_back()
    shows(*every)

    watch.expect(r"status: 400 GET \S+/arrivals\?|console: .*status of 400")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    page.get_by_label("Arrived from").fill(tomorrow)
    expect(arrivals.nothing).to_have_text("No study is like that.")
    page.get_by_label("until").fill("2001-01-01")
    expect(arrivals.nothing).to_contain_text("from must not be after")
    page.get_by_role("button", name="Clear filters").click()
    expect(arrivals.row(ct)).to_be_visible()
    assert urlsplit(page.url).query == ""
    arrivals.open(f"?text=zurich%20erste%20{patient}")
    shows(ct)


def test_whoever_reads_further_down_is_not_disturbed_and_older_pages_follow(arrivals, client):
    page, patient = arrivals.page, patient_id()
    keys = [new_study()[0] for _ in range(7)]
    client.stow([picture_of(key, PatientID=patient) for key in keys])
    address = f"{client.system.front}/arrivals"
    eventually("all came in", lambda: len(client.http.get(address, params={"text": patient}).json()) == len(keys))
    page.set_viewport_size({"width": 1280, "height": 420})
    arrivals.pages_of(3)
    arrivals.open(f"?text={patient}")
    rows = arrivals.list.locator("> li")
    expect(rows).to_have_count(3)
    page.get_by_role("button", name="Older", exact=True).click()
    expect(rows).to_have_count(6)
    expect(rows.nth(3).get_by_role("link").first).to_be_focused()
    uid = rows.nth(4).locator(".uid")
    uid.click(click_count=3)
    read, place = uid.inner_text(), uid.bounding_box()["y"]
    assert page.evaluate("scrollY") > 0

    (newest,) = new_study()
    client.stow([picture_of(newest, PatientID=patient)])

    newer = page.get_by_role("button", name="1 new study")
    expect(newer).to_be_visible()
    expect(rows).to_have_count(6)
    assert uid.bounding_box()["y"] == pytest.approx(place, abs=2)
    assert page.evaluate("getSelection().toString()").strip() == read
    button = newer.bounding_box()
    assert 0 < button["y"] < 100  # at the top of what is seen; Playwright's own click would scroll there first
    page.mouse.click(button["x"] + button["width"] / 2, button["y"] + button["height"] / 2)
    expect(rows.first).to_contain_text(newest.study_instance_uid)
    expect(newer).to_be_hidden()
    page.get_by_role("button", name="Older", exact=True).click()
    expect(rows).to_have_count(8)
    as_the_server_says = page.request.get(f"/arrivals?text={patient}&limit=8").json()
    assert rows.locator(".uid").all_inner_texts() == [entry["study"] for entry in as_the_server_says]


def test_what_a_stranger_wrote_is_text(arrivals, client):
    page, (key,) = arrivals.page, new_study()
    name, hostile = "<img onerror>^<b>Bold", '<img src=x onerror="document.title=1">'
    client.stow([picture_of(key, PatientID=patient_id(), PatientName=name, StudyDescription=hostile)])
    arrivals.open(f"?text={key.study_instance_uid}")

    expect(arrivals.row(key).get_by_role("heading")).to_have_text("<img onerror>, <b>Bold")
    expect(arrivals.row(key)).to_contain_text(hostile)
    assert arrivals.row(key).locator("img").count() == 1
    assert page.title() == "What came in"


def test_a_server_that_is_away_is_told_of_until_it_is_back(arrivals, client, watch):
    page, (key,) = arrivals.page, new_study()
    watch.expect("ERR_INTERNET_DISCONNECTED")
    page.clock.install()
    arrivals.open(f"?text={key.study_instance_uid}").follow_feeds()
    banner = page.get_by_text("The server does not answer.", exact=False).first

    page.context.set_offline(True)
    page.clock.run_for(5 * SECONDS)
    expect(banner).to_be_visible()
    client.stow([picture_of(key, PatientID=patient_id())])
    page.context.set_offline(False)
    page.clock.run_for(30 * SECONDS)

    expect(banner).to_be_hidden()
    expect(arrivals.row(key)).to_be_visible()
