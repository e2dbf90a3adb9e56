"""What API Gateway and Lambda carry, so that what passes here passes there.

The embedded AWS knows no such limits; the front door keeps them in its place.
"""

import json
from collections.abc import Iterable

API_GATEWAY_BODY_BYTES = 10 * 1024 * 1024
LAMBDA_PAYLOAD_BYTES = 6 * 1024 * 1024
"""Of the event and of the answer alike, as JSON."""

TEXT_UP_TO_BYTES = 1_000_000
"""Longer text is answered as base64, as search_retrieve does."""

_ENVELOPE_BYTES = 4096
"""What the event of a proxy integration holds beside path, headers and body: the request context, names, braces."""


def event_bytes(target: bytes, headers: Iterable[tuple[bytes, bytes]], body_bytes: int) -> int:
    """How large the event of a Lambda proxy integration is.

    The body is in it as base64; the target and each header twice, as single
    and as multi-value entries.
    """
    lines = sum(len(name) + len(value) + 8 for name, value in headers)
    return _ENVELOPE_BYTES + 2 * (len(target) + lines) + _base64_bytes(body_bytes)


def largest_body_bytes(target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> int:
    """The largest body that still fits into such an event, and through API Gateway."""
    room = LAMBDA_PAYLOAD_BYTES - event_bytes(target, headers, 0)
    return min(API_GATEWAY_BODY_BYTES, room // 4 * 3)


def fits_in_an_answer(body: bytes, content_type: str, content_encoding: str) -> bool:
    """Whether a Lambda function can have answered with this body; only short plain text is not in base64."""
    is_text = content_type.startswith("text/") or content_type.partition(";")[0].endswith(("json", "xml"))
    is_text = is_text and not content_encoding and len(body) <= TEXT_UP_TO_BYTES
    size = len(json.dumps(body.decode("utf-8", "replace"))) if is_text else _base64_bytes(len(body))
    return size + _ENVELOPE_BYTES <= LAMBDA_PAYLOAD_BYTES


def _base64_bytes(size: int) -> int:
    return (size + 2) // 3 * 4
