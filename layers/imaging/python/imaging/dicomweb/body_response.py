"""A body that is made as it goes out: whole where the process that answers holds it, else as a stream."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from http import HTTPStatus

from imaging.dicomweb.message import Request, Response
from imaging.dicomweb.stream import Pieces, Stream, gathered, zipped
from imaging.errors import Rejected, RejectReason

SENT_WHOLE_BYTES = 1024 * 1024
"""A body is a stream from here on."""


def compressed(request: Request, headers: dict[str, str], pieces: Pieces) -> Pieces:
    """The pieces as the client takes them, and the header that says so."""
    if not request.accepts_gzip:
        return pieces
    headers["Content-Encoding"] = "gzip"
    return zipped(pieces)


def body_response(
    request: Request,
    headers: Mapping[str, str],
    pieces: Pieces,
    *,
    narrower: str,
    max_body_bytes: int | None,
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    """Begin a body, so that what fails before its first byte still becomes a status.

    Parameters
    ----------
    narrower
        How to ask for less, the end of a sentence.
    max_body_bytes
        What the process that answers can send; None: anything.

    Raises
    ------
    Rejected
        `TOO_LARGE` if it is over `max_body_bytes`; what making the first piece raises.
    """
    stream = Stream(pieces)
    if request.is_head:
        stream.close()
        return Response(status, headers)
    if max_body_bytes is None:
        return Response(status, headers, stream=Stream(gathered(stream)))
    body = bytearray()
    with closing(stream):
        for piece in stream:
            body += piece
            if len(body) > max_body_bytes:
                raise Rejected(RejectReason.TOO_LARGE, f"The answer is over {max_body_bytes} bytes; {narrower}.")
    return Response(status, headers, bytes(body))


def whole_if_small(response: Response) -> Response:
    """The response without a stream, if that holds little: what fails in it still becomes a status.

    And each piece of a stream costs two changes of thread.

    Raises
    ------
    Rejected, Unavailable
        As the stream does; it is closed.
    """
    if response.stream is None:
        return response
    try:
        begun = Stream(response.stream, at_least=SENT_WHOLE_BYTES)
    except BaseException:
        response.stream.close()
        raise
    if len(begun.first) >= SENT_WHOLE_BYTES:
        return replace(response, stream=begun)
    whole = replace(response, body=begun.first, stream=None)
    begun.close()
    return whole
