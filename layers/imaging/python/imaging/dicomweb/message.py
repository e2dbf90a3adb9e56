"""A request and its response, whatever carries them."""

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from imaging.errors import Rejected, RejectReason

# Lambda answers with 6 MB at most, in which the body is base64 (4 characters for 3 bytes) between
# the status and the headers; 100 KB are left for those: (6,000,000 - 100,000) * 3 / 4.
MAX_BODY_BYTES = 4_425_000

_GZIP_FROM_BYTES = 16 * 1024
_GZIP_ACCEPTED = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", re.IGNORECASE)


@dataclass(frozen=True)
class Request:
    """A GET.

    Attributes
    ----------
    path
        From ``/spaces`` on, percent-decoded.
    parameters
        Names and values of the query, decoded, in order.
    headers
        By lower-case name.
    """

    path: str
    parameters: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

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
    """Status, headers and body, ready for whatever carries them."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def json_bytes(content: Any) -> bytes:  # noqa: ANN401 - anything JSON can say
    """JSON as we send it: UTF-8, nothing escaped that need not be, no blanks."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def json_response(
    request: Request, media_type: str, body: bytes, headers: Mapping[str, str], *, narrower: str
) -> Response:
    """A JSON body, compressed for clients that can read that.

    Parameters
    ----------
    narrower
        How to ask for less, the end of a sentence.

    Raises
    ------
    Rejected
        `TOO_LARGE` if it is over `MAX_BODY_BYTES` even so.
    """
    headers = {"Content-Type": media_type, "Vary": "Accept, Accept-Encoding", **headers}
    if request.accepts_gzip and len(body) >= _GZIP_FROM_BYTES:
        body = gzip.compress(body, mtime=0)
        headers["Content-Encoding"] = "gzip"
    if len(body) > MAX_BODY_BYTES:
        compress = "" if request.accepts_gzip else "send Accept-Encoding: gzip, or "
        raise Rejected(RejectReason.TOO_LARGE, f"The answer is over {MAX_BODY_BYTES} bytes; {compress}{narrower}.")
    return Response(HTTPStatus.OK, headers, body)


def error_response(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error: one sentence, as JSON."""
    return Response(status, {"Content-Type": "application/json", **(headers or {})}, json_bytes({"error": sentence}))
