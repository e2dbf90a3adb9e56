"""A request and its response, whatever carries them."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from imaging.dicomweb.stream import Stream

# Lambda answers with 6 MB at most, in which the body is base64 (4 characters for 3 bytes) between
# the status and the headers; 100 KB are left for those: (6,000,000 - 100,000) * 3 / 4.
MAX_BODY_BYTES = 4_425_000

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


def error_response(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error: one sentence, as JSON."""
    return Response(status, {"Content-Type": "application/json", **(headers or {})}, json_bytes({"error": sentence}))
