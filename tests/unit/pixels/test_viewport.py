"""Cut, mirrored and scaled; PS3.18 Section 8.3.5.1.3."""

import numpy as np
import pytest
from PIL import Image

from imaging.pixels.viewport import MAX_PIXELS, MAX_SIDE, framed, pixel_height
from imaging.ports.pixels import Viewport
from tests.unit.pixels.pictures import header

HALVES = Image.fromarray(np.repeat(np.repeat([[0, 100], [200, 250]], 20, 0), 30, 1).astype("u1"))  # 60 wide, 40 high


def test_without_a_viewport_it_stays_as_it_is() -> None:
    assert framed(HALVES, None) is HALVES


@pytest.mark.parametrize(
    ("box", "size"),
    [((30, 30), (30, 20)), ((600, 20), (30, 20)), ((120, 120), (120, 80)), ((1, 1), (1, 1)), ((60, 40), (60, 40))],
)
def test_it_fills_the_box_as_far_as_its_proportions_allow(box: tuple[int, int], size: tuple[int, int]) -> None:
    assert framed(HALVES, Viewport(*box)).size == size


@pytest.mark.parametrize(
    ("source", "corners"),
    [
        ((0, 0, 30, 20), {0}),
        ((30, 0, 30, 20), {100}),
        ((0, 20, 30, None), {200}),
        ((30, 20, None, None), {250}),
        ((30, 20, 500, 500), {250}),  # what lies outside the image is left out
    ],
)
def test_a_part_is_cut_out(source: tuple[float, float, float | None, float | None], corners: set[int]) -> None:
    assert set(np.unique(np.asarray(framed(HALVES, Viewport(30, 20, *source))))) == corners


def test_negative_sizes_mirror() -> None:
    def corners(viewport: Viewport) -> list[int]:
        return np.asarray(framed(HALVES, viewport))[[0, 0, -1, -1], [0, -1, 0, -1]].tolist()

    assert corners(Viewport(60, 40)) == [0, 100, 200, 250]
    assert corners(Viewport(60, 40, 0, 0, -60, 40)) == [100, 0, 250, 200]
    assert corners(Viewport(60, 40, 0, 0, 60, -40)) == [200, 250, 0, 100]
    assert corners(Viewport(60, 40, 0, 0, -60, -40)) == [250, 200, 100, 0]


def test_a_part_beside_the_image_is_refused() -> None:
    with pytest.raises(ValueError, match="beside the image"):
        framed(HALVES, Viewport(10, 10, 60, 0))


def test_pixels_that_are_not_square_get_true_proportions() -> None:
    assert framed(HALVES, None, 2).size == (60, 80)
    assert framed(HALVES, None, 0.5).size == (120, 40)
    assert framed(HALVES, Viewport(40, 40), 3).size == (20, 40)


@pytest.mark.parametrize(
    ("head", "height"),
    [
        (header(), 1),
        (header(PixelSpacing=["0.8", "0.4"]), 2),
        (header(PixelSpacing=["0.8", "0.801"]), 1),
        (header(PixelAspectRatio=["1", "2"]), 0.5),
        (header(PixelAspectRatio=["0", "2"]), 1),
        (header(PixelSpacing=["1", "1"], PixelAspectRatio=["1", "2"]), 1),
        (header(PixelSpacing=["1000", "1"]), 1),  # nobody's pixels
    ],
)
def test_the_header_tells_how_high_a_pixel_is(head: object, height: float) -> None:
    assert pixel_height(head) == pytest.approx(height)


def test_no_picture_is_beyond_the_bounds() -> None:
    line = Image.new("L", (65_535, 1))
    assert framed(line, None).size == (MAX_SIDE, 1)
    large = framed(Image.new("L", (2, 2)), Viewport(16_384, 16_384))
    assert large.width * large.height <= MAX_PIXELS + 2 * large.width
