"""Lets pages of other origins read our answers, where the configuration names them.

References
----------
Fetch Standard (WHATWG), *HTTP-network protocol: CORS protocol*.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from http import HTTPStatus

from imaging.dicomweb.message import Response

ANY_ORIGIN = "*"

_METHODS = "GET, HEAD, POST, DELETE, OPTIONS"
# What DICOMweb clients and SigV4 signers send; Authorization must be named, a wildcard does not stand for it.
_REQUEST_HEADERS = (
    "Accept, Accept-Charset, Authorization, Content-Location, Content-Type, Expected-Instances, If-Match, "
    "If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, Range, X-Amz-Content-Sha256, X-Amz-Date, "
    "X-Amz-Security-Token, X-Amz-User-Agent, X-Requested-With"
)
_RESPONSE_HEADERS = (
    "Accept-Ranges, Content-Disposition, Content-Encoding, Content-Length, Content-Location, Content-Range, "
    "Content-Type, ETag, Link, Location, Retry-After, Warning"
)
_SECONDS_TO_REMEMBER = "7200"  # the most that Chromium does


class CrossOrigin:
    """The CORS protocol, the same for whatever carries a request.

    There is no ``Access-Control-Allow-Credentials``: a request is authorised by
    what the page itself puts into its headers, never by a cookie that a browser
    adds for any page.

    Parameters
    ----------
    origins
        Those that may read, as browsers write them: ``https://viewer.example.org``;
        `ANY_ORIGIN` alone for all. None: the protocol is not spoken.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origins)

    def headers(self, request_headers: Mapping[str, str]) -> dict[str, str]:
        """What an answer to a request with these headers, by lower-case name, carries beside its own."""
        shown = self._shown_to(request_headers.get("origin", ""))
        if "Access-Control-Allow-Origin" in shown:
            shown["Access-Control-Expose-Headers"] = _RESPONSE_HEADERS
        return shown

    def answered(self, request_headers: Mapping[str, str], response: Response) -> Response:
        """The answer with those headers."""
        ours = self.headers(request_headers)
        if not ours:
            return response
        vary = [value for headers in (response.headers, ours) if (value := headers.get("Vary"))]
        headers = {**response.headers, **ours, **({"Vary": ", ".join(vary)} if vary else {})}
        return replace(response, headers=headers)

    def preflight(self, method: str, request_headers: Mapping[str, str]) -> Response | None:
        """The answer to the question that a browser asks before a request; None if this is no such question."""
        is_preflight = method == "OPTIONS" and {"origin", "access-control-request-method"} <= request_headers.keys()
        if not self._origins or not is_preflight:
            return None
        shown = self._shown_to(request_headers["origin"])
        if "Access-Control-Allow-Origin" in shown:
            shown |= {
                "Access-Control-Allow-Methods": _METHODS,
                "Access-Control-Allow-Headers": _REQUEST_HEADERS,
                "Access-Control-Max-Age": _SECONDS_TO_REMEMBER,
            }
        return Response(HTTPStatus.NO_CONTENT, shown)

    def _shown_to(self, origin: str) -> dict[str, str]:
        if not self._origins:
            return {}
        if ANY_ORIGIN in self._origins:
            return {"Access-Control-Allow-Origin": ANY_ORIGIN}
        # Also where there is no Origin, so that no cache gives this answer to a page that may read it,
        # Fetch Standard, "CORS protocol and HTTP caches".
        vary = {"Vary": "Origin"}
        return {"Access-Control-Allow-Origin": origin, **vary} if origin in self._origins else vary
