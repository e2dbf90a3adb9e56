"""A request as CloudFront shows it to a function.

References
----------
Amazon CloudFront Developer Guide, *CloudFront Functions event structure* and
*Restrictions on all edge functions*.
"""

from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

_NOT_SHOWN = {
    *("connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
    *("trailer", "upgrade", "cookie"),  # cookies have a field of their own; no rule of ours looks at them
}


def viewer_request(request: Request) -> dict[str, Any]:
    """Describe a request, its path percent-encoded as it came."""
    headers = [(name, value) for name, value in request.headers.items() if name not in _NOT_SHOWN]
    query = parse_qsl(request.url.query, keep_blank_values=True)
    return {
        "version": "1.0",
        "context": {"eventType": "viewer-request"},
        "viewer": {"ip": request.client.host if request.client else ""},
        "request": {
            "method": request.method,
            "uri": request.scope["raw_path"].decode("latin-1"),
            "querystring": _by_name(query),
            "headers": _by_name(headers),
            "cookies": {},
        },
    }


def _by_name(pairs: list[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, value in pairs:
        if name in found:
            found[name].setdefault("multiValue", [{"value": found[name]["value"]}]).append({"value": value})
        else:
            found[name] = {"value": value}
    return found
