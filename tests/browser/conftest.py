"""The browser, and one page of it a test, which fails on whatever the browser complains of."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.chromium import EXECUTABLE, Watch, chromium
from tests.flow.running_system import RunningSystem

SCREENSHOTS = Path(__file__).parents[2] / ".build" / "screenshots"


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One for all tests here; not longer, as no asyncio loop can be run beside Playwright's."""
    if EXECUTABLE is None:
        pytest.skip("chromium is not installed")
    with chromium() as browser:
        yield browser


@pytest.fixture
def watch(system: RunningSystem) -> Iterator[Watch]:
    """What the browser complains of; `watch.expect` says what a test brings about itself."""
    watch = Watch(system.front)
    yield watch
    assert not watch.faults


@pytest.fixture
def context_options() -> dict[str, Any]:
    """Of Playwright's `new_context`: a module or test that wants a phone or the dark overrides it."""
    return {}


@pytest.fixture
def browser_context(
    browser: Browser, system: RunningSystem, context_options: dict[str, Any]
) -> Iterator[BrowserContext]:
    """A profile of its own: empty cache, empty storage."""
    options = {"base_url": system.front, "viewport": {"width": 1280, "height": 800}, **context_options}
    context = browser.new_context(**options)
    yield context
    context.close()


@pytest.fixture
def browser_page(browser_context: BrowserContext, watch: Watch) -> Page:
    """An empty page, watched; relative addresses are the system's."""
    page = browser_context.new_page()
    watch.on(page)
    return page


@pytest.fixture
def screenshot(browser_page: Page) -> Callable[[str], Path]:
    """Keeps what the page shows: `screenshot("ct-in-the-viewer")`."""

    def keep(name: str) -> Path:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        browser_page.screenshot(path=path)
        return path

    return keep
