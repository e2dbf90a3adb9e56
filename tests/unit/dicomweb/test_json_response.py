import gzip
import os
from collections.abc import Generator

import pytest

from imaging.dicomweb.json_response import json_response
from imaging.dicomweb.message import MAX_BODY_BYTES, Request, Response
from imaging.errors import Rejected, RejectReason


def answer(body: bytes, **headers: str) -> Response:
    request = Request("/", headers={name.replace("_", "-"): value for name, value in headers.items()})
    return json_response(request, "application/json", body, {}, narrower="ask for less")


@pytest.mark.parametrize("accept_encoding", ["gzip", "deflate, gzip;q=0.8", "br, GZIP"])
def test_compresses_for_clients_that_can_read_it(accept_encoding: str) -> None:
    body = b"[" + b" " * 100_000 + b"]"
    response = answer(body, accept_encoding=accept_encoding)
    assert response.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(response.body) == body


@pytest.mark.parametrize("accept_encoding", ["", "identity", "gzip;q=0", "gzip; q=0.0, br", "x-gzippy"])
def test_does_not_compress_for_the_others(accept_encoding: str) -> None:
    response = answer(b" " * 100_000, accept_encoding=accept_encoding)
    assert "Content-Encoding" not in response.headers
    assert len(response.body) == 100_000


def test_does_not_compress_what_is_small() -> None:
    assert answer(b"[]", accept_encoding="gzip").body == b"[]"


@pytest.mark.parametrize("accept_encoding", ["gzip", ""])
def test_refuses_a_body_over_the_limit_and_says_how_to_ask(accept_encoding: str) -> None:
    with pytest.raises(Rejected) as refusal:
        answer(os.urandom(MAX_BODY_BYTES + 1), accept_encoding=accept_encoding)
    assert refusal.value.reason is RejectReason.TOO_LARGE
    assert str(refusal.value).endswith("ask for less.")
    assert ("gzip" in str(refusal.value)) == (not accept_encoding)


@pytest.mark.parametrize("accept_encoding", ["gzip", ""])
def test_without_a_limit_pieces_go_out_as_a_stream(accept_encoding: str) -> None:
    body = os.urandom(MAX_BODY_BYTES + 1)
    pieces = (body[start : start + 100_000] for start in range(0, len(body), 100_000))
    request = Request("/", headers={"accept-encoding": accept_encoding})
    response = json_response(request, "application/json", pieces, {}, narrower="ask for less", max_body_bytes=None)
    assert response.stream is not None
    sent = b"".join(response.stream)
    assert (gzip.decompress(sent) if accept_encoding else sent) == body
    assert response.headers.get("Content-Encoding", "") == accept_encoding


def test_what_is_small_goes_in_one_piece_without_a_limit_too() -> None:
    pieces = (piece for piece in (b"[", b"]"))
    response = json_response(Request("/"), "application/json", pieces, {}, narrower="", max_body_bytes=None)
    assert (response.body, response.stream) == (b"[]", None)


def test_head_has_no_stream() -> None:
    pieces = (bytes(100_000) for _ in range(100))
    request = Request("/", headers={"accept-encoding": "gzip"}, method="HEAD")
    response = json_response(request, "application/json", pieces, {}, narrower="", max_body_bytes=None)
    assert (response.status, response.body, response.stream) == (200, b"", None)
    assert response.headers["Content-Encoding"] == "gzip"
    assert list(pieces) == []


def test_a_body_over_the_limit_is_not_read_to_its_end() -> None:
    taken = 0

    def pieces() -> Generator[bytes, None, None]:
        nonlocal taken
        while True:
            taken += 1_000_000
            yield bytes(1_000_000)

    with pytest.raises(Rejected):
        json_response(Request("/"), "application/json", pieces(), {}, narrower="ask for less")
    assert taken <= MAX_BODY_BYTES + 1_000_000
