"""A response of any size, from the thread that reads it to the event loop where it goes out."""

from collections.abc import AsyncIterator, Callable, Mapping

import anyio
from anyio import to_thread
from starlette.responses import StreamingResponse

from imaging.dicomweb.stream import Stream


class BodyBroken(ConnectionError):
    """The rest of a body cannot be read; the connection is cut, so that nobody takes a part for the whole."""


class StreamedResponse(StreamingResponse):
    """Sends a stream piece by piece, each read when the one before has gone out, and lets go of it at the end.

    Parameters
    ----------
    tell
        Is told what made the stream end early.
    limiter
        Of the threads that read.
    """

    def __init__(
        self,
        stream: Stream,
        status: int,
        headers: Mapping[str, str],
        *,
        tell: Callable[[Exception], None],
        limiter: anyio.CapacityLimiter,
    ) -> None:
        super().__init__(_pieces(stream, tell, limiter), status, dict(headers))


async def _pieces(
    stream: Stream, tell: Callable[[Exception], None], limiter: anyio.CapacityLimiter
) -> AsyncIterator[bytes]:
    try:
        while piece := await to_thread.run_sync(next, stream, b"", limiter=limiter):
            yield piece
    except Exception as failure:
        tell(failure)
        raise BodyBroken from None  # what failed may quote what was read
    finally:
        with anyio.CancelScope(shield=True):  # also when the client has left
            await to_thread.run_sync(stream.close, limiter=limiter)
