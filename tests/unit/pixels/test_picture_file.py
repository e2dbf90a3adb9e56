from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset

from imaging.pixels.picture_file import DEFAULT_FRAME_MS, animation_file, frame_time, picture_file
from tests.unit.pixels.pictures import header, opened

GREY = (np.add.outer(np.arange(64), np.arange(96)) * 1.6).astype("u1")
COLOUR = np.stack([GREY, GREY.T[:64, :1] + GREY * 0, 255 - GREY], axis=-1).astype("u1")


@pytest.mark.parametrize("values", [GREY, COLOUR], ids=["grey", "colour"])
def test_png_is_exact(values: np.ndarray) -> None:
    assert (opened(picture_file(Image.fromarray(values), "image/png", 1)) == values).all()


@pytest.mark.parametrize("values", [GREY, COLOUR], ids=["grey", "colour"])
def test_jpeg_is_near_and_its_quality_counts(values: np.ndarray) -> None:
    good, bad = (picture_file(Image.fromarray(values), "image/jpeg", quality) for quality in (95, 5))
    assert np.abs(opened(good).astype(int) - values).mean() < 2
    assert len(bad) < len(good)


def test_a_grey_gif_is_exact() -> None:
    written = Image.open(BytesIO(picture_file(Image.fromarray(GREY), "image/gif", 1)))
    assert (np.asarray(written.convert("L")) == GREY).all()


@pytest.mark.parametrize("values", [GREY, COLOUR], ids=["grey", "colour"])
def test_an_animation_shows_every_picture_for_its_time(values: np.ndarray) -> None:
    shown = [values, np.roll(values, 9, axis=1), np.roll(values, 18, axis=0)]
    pictures = [picture_file(Image.fromarray(one), "image/gif", 1) for one in shown]
    animation = Image.open(BytesIO(animation_file(pictures, 40)))
    assert animation.n_frames == 3
    assert animation.info["loop"] == 0
    for number, one in enumerate(shown):
        animation.seek(number)
        assert animation.info["duration"] == 40
        got, expected = (np.asarray(image.convert("RGB")).astype(int) for image in (animation, Image.fromarray(one)))
        assert np.abs(got - expected).mean() < 6


@pytest.mark.parametrize(
    ("head", "milliseconds"),
    [
        (Dataset(), DEFAULT_FRAME_MS),
        (header(FrameTime="33.3"), 33.3),
        (header(FrameTimeVector=["0", "30", "50"]), 40),
        (header(CineRate="25", FrameTime="66"), 40),
        (header(RecommendedDisplayFrameRate="20", CineRate="25"), 50),
        (header(FrameTime="1"), 20),
        (header(CineRate="0", FrameTime="0"), DEFAULT_FRAME_MS),
    ],
)
def test_the_header_tells_how_fast_it_runs(head: Dataset, milliseconds: float) -> None:
    assert frame_time(head) == pytest.approx(milliseconds)
