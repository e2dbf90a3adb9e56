"""The viewer as somebody before the screen has it: open, choose a series, look at what is drawn."""

import base64
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page

SECONDS = 30
"""A limit for a hang, not a measure of speed."""

_VIEWPORT = "cornerstone.getRenderingEngines().flatMap((engine) => engine.getViewports())[0]"
IS_DRAWN = f"""(instance) => {{
  if (!window.cornerstone) return false;
  const viewport = {_VIEWPORT};
  return viewport?.viewportStatus === 'rendered' && (viewport.getCurrentImageId() ?? '').includes(instance);
}}"""
"""Of an instance, or any: whether the viewer says that it has drawn it."""
_PIXELS = """() => {
  const canvas = document.querySelector('canvas.cornerstone-canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let text = '';
  for (let start = 0; start < data.length; start += 32768) {
    text += String.fromCharCode(...data.subarray(start, start + 32768));
  }
  return [canvas.width, canvas.height, btoa(text)];
}"""
_SAMPLES = 48


class Viewer:
    """OHIF in a page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, address: str) -> None:
        """Follow a link to it, wait for a first picture, and put the notice away that lies over it."""
        self.page.goto(address)
        self.wait_until_drawn()
        notice = self.page.get_by_role("button", name="Confirm and hide")
        if notice.is_visible():
            notice.click()

    @property
    def on_the_picture(self) -> Locator:
        """What is written over it."""
        return self.page.locator(".overlay-item")

    @property
    def at_the_top(self) -> Locator:
        """What is written beside the patient's icon."""
        return self.page.locator("div.cursor-pointer:has(> div.flex-col)")

    def series(self, description: str) -> Locator:
        """A series in the list at the left, one of pictures or one without."""
        return self.page.locator('[data-cy^="study-browser-thumbnail"]').filter(
            has=self.page.get_by_text(description, exact=True)
        )

    def show(self, description: str) -> None:
        """Choose a series."""
        entry = self.series(description).first
        entry.scroll_into_view_if_needed()
        entry.dblclick()

    def wait_until_drawn(self, sop_instance_uid: str = "") -> None:
        """Wait until the viewer says that it has drawn, this instance if one is named."""
        self.page.wait_for_function(IS_DRAWN, arg=sop_instance_uid, timeout=SECONDS * 1000)

    def line(self) -> tuple[float, float, float, float]:
        """Wait until a line is drawn over the picture; from where to where, in pixels of the canvas."""
        line = self.page.locator("svg.svg-layer line").first
        line.wait_for(state="attached", timeout=SECONDS * 1000)
        x1, y1, x2, y2 = (float(line.get_attribute(name) or "nan") for name in ("x1", "y1", "x2", "y2"))
        return x1, y1, x2, y2

    def scroll(self, slices: int) -> None:
        """Turn the wheel by so many slices or frames."""
        self.page.locator("canvas.cornerstone-canvas").hover()
        for _ in range(slices):
            self.page.mouse.wheel(0, 100)
            self.page.wait_for_timeout(40)

    def pixels(self) -> NDArray[Any]:
        """What is on the canvas, (rows, columns, 3)."""
        width, height, content = self.page.evaluate(_PIXELS)
        return np.frombuffer(base64.b64decode(content), np.uint8).reshape(height, width, 4)[..., :3]

    def difference_from(self, expected: NDArray[Any]) -> float:
        """How far the canvas is from a picture at the centres of its pixels, on average, of 255."""
        rows, columns = (np.linspace(0, length - 1, min(length, _SAMPLES)).astype(int) for length in expected.shape[:2])
        canvas = self.pixels()
        height, width = canvas.shape[:2]
        scale = min(height / expected.shape[0], width / expected.shape[1])
        y = height / 2 + (rows + 0.5 - expected.shape[0] / 2) * scale
        x = width / 2 + (columns + 0.5 - expected.shape[1] / 2) * scale
        drawn = canvas[np.ix_(y.astype(int), x.astype(int))].astype(float)
        wanted = expected[np.ix_(rows, columns)].astype(float)
        return float(np.abs(drawn - (wanted if wanted.ndim == 3 else wanted[..., np.newaxis])).mean())

    def draws(self, expected: NDArray[Any], *, within: float) -> float:
        """Wait until the canvas shows a picture; how far it is from it then, or at last."""
        deadline = time.monotonic() + 5
        while (difference := self.difference_from(expected)) > within and time.monotonic() < deadline:
            self.page.wait_for_timeout(50)
        return difference


def bright(pixels: NDArray[Any]) -> int:
    """How many pixels are not black."""
    return int((pixels.max(axis=-1) > 40).sum())


def coloured(pixels: NDArray[Any]) -> int:
    """How many pixels are more than grey."""
    values = pixels.astype(int)
    return int((values.max(axis=-1) - values.min(axis=-1) > 20).sum())
