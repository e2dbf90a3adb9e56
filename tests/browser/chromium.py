"""A real browser, and what it complains of while a test looks at a page."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, Response, sync_playwright

EXECUTABLE = shutil.which("chromium")
_FLAGS = (
    "--no-sandbox",  # a container's root may make no sandbox of its own
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # WebGL without a graphics card: every pixel is computed by the processor, the same on every machine.
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)
_WITHIN_THE_BROWSER = ("blob", "data", "about", "chrome", "chrome-extension")  # the last two: its viewer of PDF


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium without a window, driven by Playwright; nothing of its own is downloaded."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watch:
    """Notes what should not happen on a page: errors in the console, exceptions, requests that fail or go elsewhere.

    Attributes
    ----------
    origin
        The only one that may be asked for anything.
    faults
        What happened, each in a line; those that a test expects are left out.
    """

    origin: str
    faults: list[str] = field(default_factory=list)
    _expected: list[re.Pattern[str]] = field(default_factory=list)

    def expect(self, pattern: str) -> None:
        """Let pass from now on what the test itself brings about: a server that is away, an address that is refused."""
        self._expected.append(re.compile(pattern))

    def on(self, page: Page) -> None:
        """Begin with a page."""
        page.on("console", self._console)
        page.on("pageerror", self._exception)
        page.on("request", self._request)
        page.on("requestfailed", self._failed)
        page.on("response", self._response)

    def _note(self, fault: str) -> None:
        if not any(pattern.search(fault) for pattern in self._expected):
            self.faults.append(fault)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._note(f"console: {message.text}")

    def _exception(self, error: Error) -> None:
        self._note(f"exception: {error}")

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in _WITHIN_THE_BROWSER and f"{address.scheme}://{address.netloc}" != self.origin:
            self._note(f"elsewhere: {request.method} {request.url}")

    def _failed(self, request: Request) -> None:
        # What a page no longer wants when it is left or has changed its mind is nobody's fault.
        if request.failure != "net::ERR_ABORTED":
            self._note(f"failed: {request.method} {request.url} {request.failure}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self._note(f"status: {response.status} {response.request.method} {response.url}")
