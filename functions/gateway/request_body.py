"""The body of a request, from the event loop where it comes in to the thread that reads it."""

from collections.abc import AsyncIterator, Iterator

import anyio
from anyio import from_thread

PIECE_BYTES = 256 * 1024  # fewer crossings between the loop and the thread
_STALLED_SECONDS = 60


class SenderStalled(Exception):
    """Not even one piece came in within a minute."""


class RequestBody:
    """Iterates over a body in pieces; nothing is fetched before it is asked for, so a slow reader slows the sender.

    Parameters
    ----------
    stream
        As Starlette's `Request.stream` gives it; raises `ClientDisconnect`.
    """

    def __init__(self, stream: AsyncIterator[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        while piece := from_thread.run(self._next_piece):
            yield piece

    async def _next_piece(self) -> bytes:
        piece = bytearray()
        try:
            with anyio.fail_after(_STALLED_SECONDS):
                while len(piece) < PIECE_BYTES:
                    piece += await anext(self._stream)
        except StopAsyncIteration:
            pass  # the end; what was gathered is the last piece
        except TimeoutError as stalled:
            raise SenderStalled from stalled
        return bytes(piece)
