"""The page of what came in, as somebody who looks at it finds things there."""

from typing import Any

import numpy as np
from playwright.sync_api import Locator, Page, Route
from pydicom.uid import ComprehensiveSRStorage

from imaging.model.identifiers import InstanceKey
from tests.instances import part10_instance

SECONDS = 1000
WAIT_MS = 60 * SECONDS
UNDECODABLE = r"status: 406 GET \S+/thumbnail\?|console: .*status of 406"
"""To be expected wherever all studies are listed: of some that other tests have stored nobody can decode the pixels."""
SIDE = 128


class ArrivalsPage:
    """Opens the page and names what is on it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.list = page.locator("#study-list")
        self.uploads = page.locator("#uploads")
        self.refused = page.locator(".listed.refused")
        self.nothing = page.locator("#nothing")
        self.search = page.get_by_role("searchbox", name="Search")
        page.set_default_timeout(WAIT_MS)

    def open(self, query: str = "") -> "ArrivalsPage":
        """Open it and wait until it has read what there is."""
        self.page.goto(f"/{query}")
        self.page.locator("#studies[aria-busy=false]").wait_for()
        return self

    def row(self, key: InstanceKey) -> Locator:
        return self.list.locator("> li", has=self.page.get_by_text(key.study_instance_uid, exact=True))

    def follow_feeds(self) -> None:
        """Wait until it hears of what changes: the feed of each space has been asked."""
        with self.page.expect_response(lambda answer: "/changefeed?" in answer.url):
            pass

    def pages_of(self, size: int) -> None:
        """Make pages so short that a test needs no hundred studies."""

        def shorten(route: Route) -> None:
            route.continue_(url=route.request.url.replace("limit=50", f"limit={size}"))

        self.page.route(lambda address: "limit=50" in address, shorten)

    @property
    def is_wider_than_the_screen(self) -> bool:
        return self.page.evaluate("document.documentElement.scrollWidth > innerWidth")


def picture_of(key: InstanceKey, **attributes: Any) -> bytes:
    """An instance with something to see: a body, and a bright spot in it."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    body = ((x / 0.8) ** 2 + (y / 0.62) ** 2 < 1) * 700
    spine = ((x / 0.16) ** 2 + ((y - 0.36) / 0.16) ** 2 < 1) * 900
    lungs = (((np.abs(x) - 0.38) / 0.25) ** 2 + ((y + 0.08) / 0.36) ** 2 < 1) * 550
    pixels = (body + spine - lungs).astype("<i2")
    return part10_instance(
        key,
        **{
            "SpecificCharacterSet": "ISO_IR 192",
            "Rows": SIDE,
            "Columns": SIDE,
            "PixelRepresentation": 1,
            "PixelData": pixels.tobytes(),
            "WindowCenter": "600",
            "WindowWidth": "1600",
            **attributes,
        },
    )


def report_of(key: InstanceKey, **attributes: Any) -> bytes:
    """An instance without a picture."""
    return part10_instance(key, **{"SOPClassUID": ComprehensiveSRStorage, "Modality": "SR", **attributes})
