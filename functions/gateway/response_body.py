"""A response of any size, from the thread that reads it to the event loop where it goes out."""

from collections.abc import AsyncIterator, Mapping

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from imaging.dicomweb.stream import Stream


class StreamedResponse(StreamingResponse):
    """Sends a stream piece by piece, each read when the one before has gone out, and lets go of it at the end."""

    def __init__(self, stream: Stream, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(_pieces(stream), status, dict(headers))


async def _pieces(stream: Stream) -> AsyncIterator[bytes]:
    try:
        while piece := await run_in_threadpool(next, stream, b""):
            yield piece
    finally:
        with anyio.CancelScope(shield=True):  # also when the client has left
            await run_in_threadpool(stream.close)
