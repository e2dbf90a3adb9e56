"""A request and its response, whatever carries them."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from imaging.dicomweb.stream import Pieces, Stream, gathered, zipped
from imaging.errors import Rejected, RejectReason

# Lambda answers with 6 MB at most, in which the body is base64 (4 characters for 3 bytes) between
# the status and the headers; 100 KB are left for those: (6,000,000 - 100,000) * 3 / 4.
MAX_BODY_BYTES = 4_425_000

_GZIP_FROM_BYTES = 16 * 1024
_GZIP_ACCEPTED = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", re.IGNORECASE)


@dataclass(frozen=True)
class Request:
    """A request that changes nothing: a GET, HEAD or OPTIONS.

    Attributes
    ----------
    path
        From ``/spaces`` on, percent-decoded.
    parameters
        Names and values of the query, decoded, in order.
    headers
        By lower-case name.
    method
        In capitals.
    """

    path: str
    parameters: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"

    @property
    def is_head(self) -> bool:
        """Nobody will read the body; what it costs to fetch can be saved."""
        return self.method == "HEAD"

    @property
    def accept(self) -> str:
        """What the client can read; the query may say it in place of the header, PS3.18 8.3.3.1."""
        named = [value for name, value in self.parameters if name == "accept"]
        return named[-1] if named else self.headers.get("accept", "")

    @property
    def accepts_gzip(self) -> bool:
        """Whether the body may be compressed."""
        return bool(_GZIP_ACCEPTED.search(self.headers.get("accept-encoding", "")))


@dataclass(frozen=True)
class Response:
    """Status, headers and body, ready for whatever carries them.

    Attributes
    ----------
    headers
        With Content-Length where there is a `stream` of a known length.
    stream
        In place of `body` when that may be of any size.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    stream: Stream | None = None


def json_bytes(content: Any) -> bytes:  # noqa: ANN401 - anything JSON can say
    """JSON as we send it: UTF-8, nothing escaped that need not be, no blanks."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def json_response(
    request: Request,
    media_type: str,
    content: bytes | Pieces,
    headers: Mapping[str, str],
    *,
    narrower: str,
    max_body_bytes: int | None = MAX_BODY_BYTES,
) -> Response:
    """JSON, compressed for clients that can read that.

    Parameters
    ----------
    content
        Whole, or in pieces; a response without a limit sends pieces as a stream.
    narrower
        How to ask for less, the end of a sentence.
    max_body_bytes
        What the process that answers can send; None: anything.

    Raises
    ------
    Rejected
        `TOO_LARGE` if it is over `max_body_bytes` even so.
    """
    headers = {"Content-Type": media_type, "Vary": "Accept, Accept-Encoding", **headers}
    content = (piece for piece in (content,)) if isinstance(content, bytes) else content
    stream = Stream(content, at_least=_GZIP_FROM_BYTES)
    if len(stream.first) < _GZIP_FROM_BYTES:  # that is all of it
        return Response(HTTPStatus.OK, headers, stream.first)
    if request.accepts_gzip:
        headers["Content-Encoding"] = "gzip"
        stream = Stream(zipped(stream))
    if max_body_bytes is None and not request.is_head:
        return Response(HTTPStatus.OK, headers, stream=Stream(gathered(stream)))
    if max_body_bytes is None:
        stream.close()
        return Response(HTTPStatus.OK, headers)
    body = bytearray()
    with closing(stream):
        for piece in stream:
            body += piece
            if len(body) > max_body_bytes:
                compress = "" if request.accepts_gzip else "send Accept-Encoding: gzip, or "
                raise Rejected(
                    RejectReason.TOO_LARGE, f"The answer is over {max_body_bytes} bytes; {compress}{narrower}."
                )
    return Response(HTTPStatus.OK, headers, bytes(body))


def error_response(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error: one sentence, as JSON."""
    return Response(status, {"Content-Type": "application/json", **(headers or {})}, json_bytes({"error": sentence}))
