"""What changes on the page of what came in takes nothing out of its reader's hands: focus, target, history, ears."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.arrivals_page import WAIT_MS, ArrivalsPage
from tests.browser.staged_answers import StagedAnswers, moment

expect.set_options(timeout=WAIT_MS)
DROP = """() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(["x"], "a.dcm"));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""
DRAG = DROP.replace('"drop"', '"dragover"')
LISTEN = """() => {
    window.said = [];
    const place = document.getElementById("announcements");
    new MutationObserver(() => window.said.push(place.textContent)).observe(place, { childList: true });
}"""
TROUBLE = "2 dead letters in publish_study: `imaging explain publish_study` says why."


@pytest.fixture
def answers(browser_page) -> StagedAnswers:
    return StagedAnswers(browser_page)


@pytest.fixture
def arrivals(browser_page, answers) -> ArrivalsPage:
    return ArrivalsPage(browser_page)


def status(dead_letters: int, *troubles: str) -> dict:
    figures = {"waiting": 0, "under_way": 0, "dead_letters": dead_letters, "oldest_seconds": None}
    queues = [{"name": "publish_study", "kind": "publish_study", "figures": figures}]
    return {"as_of": moment(0), "queues": queues, "trouble": list(troubles)}


def look_again(page: Page) -> None:
    """As when its reader comes back to the tab: everything is read anew."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def until(page: Page, what: Callable[[], bool]) -> None:
    """Wait as Playwright does: what is asked meanwhile is answered."""
    for _ in range(WAIT_MS // 50):
        if what():
            return
        page.wait_for_timeout(50)
    raise AssertionError(what)


def test_the_focus_stays_where_it_is_whatever_changes_around_it(arrivals, answers, watch):
    page = arrivals.page
    watch.expect("status of 4|status: 4|status of 503|status: 503")
    study = answers.has(1, state="arriving", revision=0)
    answers.status = status(2, "One more: `imaging status` says which.", TROUBLE)
    for older in range(50):
        answers.has(-older)
    arrivals.open()

    # a link that chooses a space
    research = page.get_by_role("navigation", name="Spaces").get_by_role("link", name="research")
    research.focus()
    page.keyboard.press("Enter")
    expect(research).to_have_attribute("aria-current", "true")
    expect(page.locator("#studies")).to_have_attribute("aria-busy", "false")
    expect(research).to_be_focused()

    # the links of a study, while others come in beside them
    dicomweb = arrivals.list.locator("li.study").first.get_by_role("link", name="DICOMweb")
    dicomweb.focus()
    study |= {"state": "final", "revision": 1}
    look_again(page)
    expect(arrivals.list.locator("li.study").first.get_by_role("link", name="History")).to_be_visible()
    expect(dicomweb).to_be_focused()

    # a command of the strip, while its figures change and what stands before it goes
    copy = page.locator(".troubles").get_by_role("button", name="Copy imaging explain publish_study")
    copy.focus()
    answers.status = status(3, TROUBLE.replace("2", "3"))
    look_again(page)
    expect(page.get_by_text("1 thing needs attention.")).to_be_visible()
    expect(page.locator(".troubles")).to_contain_text("3 dead letters")
    expect(copy).to_be_focused()
    answers.status = status(0)
    look_again(page)
    expect(page.get_by_text("All is well.")).to_be_visible()
    expect(page.get_by_text("Queues and FHIR")).to_be_focused()

    # "Older", which fails
    answers.failing = {"^/arrivals$": 503}
    older = page.get_by_role("button", name="Older", exact=True)
    older.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#warning")).to_have_text("Not now. ")
    expect(older).to_be_focused()
    expect(page.locator("#announcements")).to_contain_text("Not now.")
    answers.failing = {}

    # "Try all again"
    answers.failing = {"/studies$": 409}
    page.get_by_label("Choose files").set_input_files({"name": "a.dcm", "mimeType": "a/b", "buffer": b"x"})
    page.get_by_role("button", name="Try all again").focus()
    answers.failing = {}
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="1 file stored.")).to_be_visible()
    expect(page.get_by_role("button", name="Close")).to_be_focused()


def test_files_go_where_the_reader_chose_whatever_is_filtered_meanwhile(arrivals, answers, watch):
    page, into = arrivals.page, arrivals.page.get_by_label("into")
    watch.expect("status of 503|status: 503")
    answers.has(1)

    # nowhere, as long as no space is known
    answers.failing = {"^/spaces$": 503}
    arrivals.open("?space=research")
    expect(page.get_by_label("Choose files")).to_be_disabled()
    page.evaluate(DRAG)
    expect(page.get_by_text("The server has not answered yet")).to_be_visible()
    page.evaluate(DROP)
    answers.failing = {}
    look_again(page)
    expect(page.get_by_label("Choose files")).to_be_enabled()

    # then to the space that the page was opened with, and from then on to the chosen one
    expect(into).to_have_value("research")
    page.get_by_role("navigation", name="Spaces").get_by_role("link", name="main").click()
    arrivals.search.fill("Meier")
    expect(page).to_have_url(re.compile("text=Meier&space=main"))
    expect(into).to_have_value("research")
    page.evaluate(DROP)
    expect(page.get_by_role("heading", name="1 file stored.")).to_be_visible()
    assert answers.asked_for("^POST") == ["POST /spaces/research/studies?"]


def test_the_veil_goes_though_what_was_entered_is_gone(arrivals, answers):
    page = arrivals.page
    answers.has(1)
    arrivals.open()
    name = arrivals.list.locator(".name")
    name.evaluate(
        """name => {
            const transfer = new DataTransfer();
            transfer.items.add(new File(["x"], "a.dcm"));
            for (const kind of ["dragenter", "dragover"])
                name.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
            if (document.getElementById("drop-veil").hidden) throw new Error("There is no veil.");
        }"""
    )
    answers.studies.clear()
    look_again(page)
    expect(name).to_have_count(0)
    expect(page.locator("#drop-veil")).to_be_hidden()


def test_a_space_that_refuses_its_feed_does_not_silence_the_others_and_no_study_is_missed(arrivals, answers, watch):
    page = arrivals.page
    watch.expect("status of 403|status: 403")
    answers.failing = {"/spaces/research/changefeed": 403}
    known = [answers.has(number) for number in range(20)]
    arrivals.open()
    expect(arrivals.list.locator("> li")).to_have_count(20)

    # More than a page of new ones, and above them one that was known and has changed again
    for number in range(100, 160):
        answers.has(number)
    known[0] |= {"arrived_at": moment(1000)}
    answers.tell(known[0])

    expect(arrivals.list.locator("> li")).to_have_count(80, timeout=15_000)
    expect(page.get_by_role("button", name="Older", exact=True)).to_be_hidden()
    shown = arrivals.list.locator("> li .uid").all_inner_texts()
    assert shown == [entry["study"] for entry in sorted(answers.studies, key=lambda each: each["arrived_at"])][::-1]


def test_arrivals_are_announced_in_sum_and_twice_a_minute_at_most(arrivals, answers, watch):
    page = arrivals.page
    page.clock.install()
    answers.has(1)
    arrivals.open().follow_feeds()
    page.clock.pause_at(datetime.now(UTC) + timedelta(seconds=5))
    page.evaluate(LISTEN)
    for number in range(2, 7):
        answers.has(number)
        page.clock.run_for(4000)
        expect(arrivals.list.locator("> li")).to_have_count(number)
    page.clock.run_for(30_000)
    assert page.evaluate("said") == ["1 new study came in.", "4 new studies came in."]

    # A list that cannot be read says so, once.
    watch.expect("status of 503|status: 503")
    answers.failing = {"^/arrivals$": 503}
    arrivals.search.fill("Meier")
    page.clock.run_for(1000)
    expect(arrivals.nothing).to_have_text("Not now.")
    page.clock.run_for(60_000)
    assert page.evaluate("said.filter(sentence => sentence.includes('Not now.'))") == ["Not now."]


def test_a_picture_that_fails_is_asked_for_less_and_less_often_and_then_no_more(arrivals, answers, watch):
    page = arrivals.page
    watch.expect("status of 500|status: 500")
    page.clock.install()
    answers.failing = {"/thumbnail$": 500}
    answers.has(1, modalities=["CT"], links={"thumbnail": "/spaces/main/studies/2.25.1/thumbnail"})
    arrivals.open()
    for seconds, tries in ((0, 1), (5, 2), (6, 2), (5, 3), (15, 3), (6, 4), (35, 4), (6, 5), (90, 5)):
        page.clock.run_for(seconds * 1000)
        until(page, lambda tries=tries: len(answers.asked_for("/thumbnail")) >= tries)
        page.wait_for_timeout(100)
        assert len(answers.asked_for("/thumbnail")) == tries


def test_a_field_is_one_step_of_the_history_however_often_its_value_changes(arrivals, answers):
    page = arrivals.page
    answers.has(1)
    arrivals.open()
    before = page.evaluate("history.length")
    page.get_by_label("Arrived from").focus()
    page.keyboard.type("01022026", delay=60)
    expect(page).to_have_url(re.compile("[?]from=2026-01-02$"))
    assert page.evaluate("history.length") == before + 1
    assert set(answers.asked_for("from=")) == {"GET /arrivals?from=2026-01-02&limit=50"}
    arrivals.search.fill("Mei")
    expect(page).to_have_url(re.compile("text=Mei&"))
    arrivals.search.fill("Meier")
    expect(page).to_have_url(re.compile("text=Meier&"))
    page.go_back()
    expect(arrivals.search).to_have_value("")
    expect(page.get_by_label("Arrived from")).to_have_value("2026-01-02")
    page.go_back()
    expect(page.get_by_label("Arrived from")).to_have_value("")


def test_other_filters_while_an_answer_is_being_read_are_no_failure(arrivals, answers):
    page = arrivals.page
    # An answer that has begun and does not end, until it is not wanted any more
    page.add_init_script(
        """const ask = window.fetch;
        window.fetch = (address, options) => {
            if (!address.includes("text=slow")) return ask(address, options);
            const body = new ReadableStream({
                start: (answer) => options.signal.addEventListener("abort", () => answer.error(options.signal.reason)),
            });
            window.isBegun = true;
            return Promise.resolve(new Response(body));
        };"""
    )
    answers.has(1)
    arrivals.open()
    page.evaluate(
        """() => {
            window.shown = [];
            const nothing = document.getElementById("nothing");
            new MutationObserver(() => window.shown.push(nothing.textContent)).observe(nothing, { childList: true });
        }"""
    )
    arrivals.search.fill("slow")
    until(page, lambda: page.evaluate("window.isBegun"))
    arrivals.search.fill("Meier")
    expect(page).to_have_url(re.compile("text=Meier$"))
    expect(page.locator("#studies")).to_have_attribute("aria-busy", "false")
    expect(arrivals.list.locator("> li")).to_have_count(1)
    assert page.evaluate("shown") == []
