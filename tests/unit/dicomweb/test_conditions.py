import pytest

from imaging.dicomweb.conditions import precondition_response, range_asked
from imaging.dicomweb.message import Request

TAG = '"v1"'
SIZE = 1000


def asking(method: str = "GET", **headers: str) -> Request:
    return Request("/", headers={name.replace("_", "-"): value for name, value in headers.items()}, method=method)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bytes=0-499", (0, 499)),
        ("bytes=500-999", (500, 999)),
        ("bytes=0-0", (0, 0)),
        ("bytes=999-", (999, 999)),
        ("bytes=9-5000", (9, 999)),
        ("bytes=-500", (500, 999)),
        ("bytes=-5000", (0, 999)),
        ("Bytes = 0 - 9 ", (0, 9)),
        ("bytes=00000000000000000000001-2", (1, 2)),
    ],
)
def test_reads_one_range(text: str, expected: tuple[int, int]) -> None:
    assert range_asked(asking(range=text), TAG, SIZE) == expected


@pytest.mark.parametrize("text", ["bytes=1000-", "bytes=1000-2000", "bytes=-0", f"bytes={'9' * 5000}-"])
def test_a_range_beyond_the_end_cannot_be_satisfied(text: str) -> None:
    first_last = range_asked(asking(range=text), TAG, SIZE)
    assert first_last is not None
    assert first_last[1] < first_last[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bytes",
        "bytes=-",
        "bytes=5-2",
        "bytes=0-1,5-6",
        "items=0-1",
        "bytes=a-b",
        "bytes=\u0660-\u0669",
        "bytes=+1-2",
    ],
)
def test_what_is_no_single_range_of_bytes_is_sent_the_whole(text: str) -> None:
    assert range_asked(asking(range=text), TAG, SIZE) is None


def test_head_is_about_the_whole() -> None:
    assert range_asked(asking(method="HEAD", range="bytes=0-1"), TAG, SIZE) is None


@pytest.mark.parametrize(
    ("condition", "holds"),
    [('"v1"', True), (' "v1" ', True), ('"v2"', False), ('W/"v1"', False), ("Sat, 21 Nov 2026 12:00:00 GMT", False)],
)
def test_a_range_holds_only_for_the_version_it_was_begun_with(condition: str, holds: bool) -> None:
    asked = range_asked(asking(range="bytes=5-", if_range=condition), TAG, SIZE)
    assert asked == ((5, 999) if holds else None)


@pytest.mark.parametrize(
    ("condition", "status"),
    [('"v1"', 304), ("*", 304), ('W/"v1"', 304), ('"v0", "v1"', 304), ('"v2"', None), ("v1", None)],
)
def test_what_the_client_has_is_not_sent_again(condition: str, status: int | None) -> None:
    response = precondition_response(asking(if_none_match=condition), TAG)
    assert (response and response.status) == status
    if response:
        assert response.headers["ETag"] == TAG


@pytest.mark.parametrize(
    ("condition", "status"), [('"v1"', None), ("*", None), ('"v2"', 412), ('"v2", "v1"', None), ('W/"v1"', 412)]
)
def test_another_version_than_the_client_wants_is_refused(condition: str, status: int | None) -> None:
    response = precondition_response(asking(if_match=condition), TAG)
    assert (response and response.status) == status


def test_without_conditions_nothing_is_refused() -> None:
    assert precondition_response(asking(), TAG) is None
