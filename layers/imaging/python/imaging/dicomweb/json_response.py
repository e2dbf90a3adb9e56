"""JSON on its way out, compressed for clients that can read that."""

from collections.abc import Mapping
from http import HTTPStatus

from imaging.dicomweb.body_response import body_response, compressed
from imaging.dicomweb.message import MAX_BODY_BYTES, Request, Response
from imaging.dicomweb.stream import Pieces, Stream

_GZIP_FROM_BYTES = 16 * 1024


def json_response(
    request: Request,
    media_type: str,
    content: bytes | Pieces,
    headers: Mapping[str, str],
    *,
    narrower: str,
    max_body_bytes: int | None = MAX_BODY_BYTES,
) -> Response:
    """Send it whole where it is short, else as `body_response` does.

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
    if not request.accepts_gzip:
        narrower = f"send Accept-Encoding: gzip, or {narrower}"
    body = compressed(request, headers, stream)
    return body_response(request, headers, body, narrower=narrower, max_body_bytes=max_body_bytes)
