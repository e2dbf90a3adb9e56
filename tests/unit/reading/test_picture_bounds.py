from dataclasses import replace

import pytest

from imaging.dicom.pixel_description import PixelDescription
from imaging.errors import Rejected, RejectReason
from imaging.ports.pixels import Rendering, Viewport
from imaging.reading.picture_bounds import MAX_ANIMATED_PIXELS, within_bounds

CT = PixelDescription("1.2.840.10008.1.2.1", 512, 512, 1, "MONOCHROME2", 16, 16, 0, 0, 500)
GIF = Rendering("image/gif")


def test_what_is_small_stays_as_it_was_asked_for() -> None:
    assert within_bounds(GIF, CT, 1) is GIF
    assert within_bounds(GIF, CT, 100) is GIF


@pytest.mark.parametrize("viewport", [None, Viewport(4000, 3000), Viewport(4000, 3000, 1, 2, -30, 40)])
def test_an_animation_of_many_pixels_becomes_smaller(viewport: Viewport | None) -> None:
    bounded = within_bounds(replace(GIF, viewport=viewport), CT, 500).viewport
    assert bounded
    assert 0.9 * MAX_ANIMATED_PIXELS < 500 * bounded.width * bounded.height <= MAX_ANIMATED_PIXELS
    if viewport:
        assert replace(bounded, width=4000, height=3000) == viewport


@pytest.mark.parametrize(
    ("description", "number_of_frames", "viewport", "reason"),
    [
        (replace(CT, rows=10_000, columns=10_000), 1, None, RejectReason.NOT_ACCEPTABLE),
        (CT, 501, None, RejectReason.NOT_ACCEPTABLE),
        (CT, 1, Viewport(5, 5, 512, 0), RejectReason.MALFORMED_REQUEST),
        (CT, 1, Viewport(5, 5, 0, 900), RejectReason.MALFORMED_REQUEST),
    ],
)
def test_what_does_not_become_a_picture_is_refused(
    description: PixelDescription, number_of_frames: int, viewport: Viewport | None, reason: RejectReason
) -> None:
    with pytest.raises(Rejected) as refused:
        within_bounds(replace(GIF, viewport=viewport), description, number_of_frames)
    assert refused.value.reason is reason
