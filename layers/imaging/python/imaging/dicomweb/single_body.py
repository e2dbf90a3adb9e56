"""A body in one part that is there, of which a range may be asked; RFC 9110 Section 14."""

from collections.abc import Mapping
from http import HTTPStatus

from imaging.dicomweb.conditions import precondition_response, range_asked
from imaging.dicomweb.message import Request, Response, error_response
from imaging.errors import Rejected, RejectReason


def single_body_response(
    request: Request,
    headers: Mapping[str, str],
    body: bytes,
    tag: str,
    *,
    narrower: str,
    max_body_bytes: int | None,
) -> Response:
    """The body, the part of it that was asked for, or what its ETag forbids.

    Raises
    ------
    Rejected
        `TOO_LARGE` if it is over `max_body_bytes`; `narrower` says how to ask for less.
    """
    if forbidden := precondition_response(request, tag):
        return forbidden
    headers = {"Vary": "Accept", "ETag": tag, "Accept-Ranges": "bytes", **headers}
    status = HTTPStatus.OK
    if asked := range_asked(request, tag, len(body)):
        first, last = asked
        if last < first:
            return not_satisfiable(len(body))
        status, headers["Content-Range"] = HTTPStatus.PARTIAL_CONTENT, f"bytes {first}-{last}/{len(body)}"
        body = body[first : last + 1]
    if max_body_bytes is not None and len(body) > max_body_bytes:
        raise Rejected(RejectReason.TOO_LARGE, f"The answer is over {max_body_bytes} bytes; {narrower}.")
    return Response(status, headers | {"Content-Length": str(len(body))}, b"" if request.is_head else body)


def not_satisfiable(size_bytes: int) -> Response:
    """The answer to a range that lies beyond the end."""
    return error_response(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        f"There are {size_bytes} bytes, counted from 0; ask for a range within them.",
        {"Content-Range": f"bytes */{size_bytes}"},
    )
