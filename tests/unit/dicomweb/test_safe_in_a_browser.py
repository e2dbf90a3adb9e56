"""What every answer says to a browser; how a real one takes it is in `tests/browser/test_stored_documents.py`."""

import pytest

from imaging.dicomweb.message import Response
from imaging.dicomweb.safe_in_a_browser import safe_in_a_browser


def test_no_answer_is_guessed_at_kept_or_run() -> None:
    for response in (
        Response(200, {"Content-Type": "application/dicom+json"}, b"[]"),
        Response(
            206, {"Content-Type": "application/octet-stream", "ETag": '"1"', "Content-Range": "bytes 0-1/2"}, b"ab"
        ),
        Response(304, {"ETag": '"1"', "Vary": "Accept"}),
        Response(307, {"Location": "https://bucket.example.org/signed"}),
        Response(404, {"Content-Type": "application/json"}, b"{}"),
        Response(500),
    ):
        safe = safe_in_a_browser(response)
        assert (safe.status, safe.body) == (response.status, response.body)
        assert safe.headers == {
            **response.headers,
            "Cache-Control": "no-store",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "X-Content-Type-Options": "nosniff",
        }


@pytest.mark.parametrize(
    "media_type", ["application/pdf", "image/jpeg", "image/png", "image/gif", "video/mp4", "video/H265"]
)
def test_what_a_browser_shows_by_itself_is_in_no_sandbox(media_type: str) -> None:
    policy = safe_in_a_browser(Response(200, {"Content-Type": media_type})).headers["Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; media-src 'self'"


@pytest.mark.parametrize(
    "media_type", ["image/svg+xml", "text/html", "application/pdf\ntext/html", "video/mp4, text/html", "text/xml", ""]
)
def test_everything_else_is_in_a_sandbox(media_type: str) -> None:
    policy = safe_in_a_browser(Response(200, {"Content-Type": media_type})).headers["Content-Security-Policy"]
    assert policy.startswith("sandbox;")


def test_an_answer_that_says_more_keeps_its_own() -> None:
    own = {"Cache-Control": "private, max-age=1", "Content-Security-Policy": "frame-ancestors 'self'"}
    assert safe_in_a_browser(Response(200, own)).headers == {**own, "X-Content-Type-Options": "nosniff"}
