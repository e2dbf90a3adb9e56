import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicomweb.media_types import JPEG
from imaging.dicomweb.message import Request
from imaging.dicomweb.rendering_parameters import rendering_of, thumbnail_of
from imaging.errors import Rejected, RejectReason
from imaging.ports.pixels import Rendering, Viewport, Window


def asked(*parameters: tuple[str, str]) -> Request:
    return Request("/", parameters)


def test_without_parameters_the_image_is_shown_as_it_says() -> None:
    assert rendering_of(asked(), JPEG) == Rendering(JPEG)


def test_quality_window_and_viewport() -> None:
    request = asked(("quality", "35"), ("window", "40,400,sigmoid"), ("viewport", "100,50,10,20,-30,40.5"))
    assert rendering_of(request, JPEG) == Rendering(
        JPEG, quality=35, window=Window(40, 400, "SIGMOID"), viewport=Viewport(100, 50, 10, 20, -30, 40.5)
    )


def test_a_part_of_the_image_may_be_given_in_part() -> None:
    assert rendering_of(asked(("viewport", "100,50,,,30,")), JPEG).viewport == Viewport(100, 50, 0, 0, 30, None)


def test_a_thumbnail_is_small_unless_asked_otherwise() -> None:
    assert thumbnail_of(asked(), JPEG).viewport == Viewport(200, 200)
    assert thumbnail_of(asked(("viewport", "64,32")), JPEG).viewport == Viewport(64, 32)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("quality", "0"),
        ("quality", "101"),
        ("quality", "high"),
        ("quality", "9" * 400),
        ("window", "40,400"),
        ("window", "40,0,linear"),
        ("window", "40,-1,linear"),
        ("window", "40,0.5,linear"),
        ("window", "nan,400,linear"),
        ("window", "1e999,400,linear"),
        ("window", "40,400,cubic"),
        ("viewport", "0,10"),
        ("viewport", "10"),
        ("viewport", "10,10,1"),
        ("viewport", "99999,10"),
        ("viewport", "10,10,-1,0,5,5"),
        ("viewport", "10,10,0,0,0,5"),
        ("viewport", "ten,10"),
    ],
)
def test_what_cannot_be_read_is_refused_without_repeating_it(name: str, value: str) -> None:
    with pytest.raises(Rejected) as refusal:
        rendering_of(asked((name, value)), JPEG)
    assert refusal.value.reason is RejectReason.MALFORMED_REQUEST
    assert str(refusal.value).startswith(name)
    assert value not in str(refusal.value) or value.isdigit()


def test_a_thumbnail_shows_the_whole_image() -> None:
    with pytest.raises(Rejected) as refusal:
        thumbnail_of(asked(("viewport", "10,10,0,0,5,5")), JPEG)
    assert refusal.value.reason is RejectReason.MALFORMED_REQUEST


def test_a_parameter_is_given_once() -> None:
    with pytest.raises(Rejected, match="twice"):
        rendering_of(asked(("quality", "5"), ("quality", "6")), JPEG)


NAMES = st.sampled_from(["quality", "window", "viewport"])
VALUES = st.text(max_size=40) | st.lists(st.sampled_from(["1", "-2", "0.5", ",", "linear", "e9", " ", "."])).map(
    "".join
)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=4))
def test_any_query_is_read_or_refused(parameters: list[tuple[str, str]]) -> None:
    reason = None
    try:
        assert 1 <= rendering_of(asked(*parameters), JPEG).quality <= 100
    except Rejected as refusal:
        reason = refusal.reason
    assert reason in (None, RejectReason.MALFORMED_REQUEST)
