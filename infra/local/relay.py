"""Passes a request on to a backend and its answer back, byte for byte."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import unquote

import httpx
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

# RFC 9110 Section 7.6.1: these speak of one connection, not of the message.
_HOP_BY_HOP = {
    *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"),
    *(b"te", b"trailer", b"transfer-encoding", b"upgrade", b"expect"),
}
_DRAINED_BYTES = 1024**3
"""How much of a refused body is still read, so that its sender gets to read the refusal."""


def backend_client() -> httpx.AsyncClient:
    """Make the client for the backends: it adds no header of its own, and never a proxy."""
    client = httpx.AsyncClient(
        timeout=httpx.Timeout(60, connect=5, pool=None),
        limits=httpx.Limits(max_connections=None, keepalive_expiry=2),
        trust_env=False,
    )
    client.headers.clear()
    return client


def request_target(request: Request) -> bytes:
    """Path and query as they came, percent-encoding and all."""
    path: bytes = request.scope["raw_path"]
    if any(unquote(segment.decode("latin-1")) in (".", "..") for segment in path.split(b"/")):
        raise HTTPException(404)
    query: bytes = request.scope["query_string"]
    return path + (b"?" + query if query else b"")


async def request_body(request: Request, limit: int) -> bytes | None:
    """The body, or None if it is larger than the limit; no more than the limit is ever held."""
    announced = request.headers.get("content-length", "")
    too_large = announced.isdigit() and int(announced) > limit
    if too_large and request.headers.get("expect", "").lower() == "100-continue":
        return None
    held = bytearray()
    read = 0
    async for chunk in request.stream():
        read += len(chunk)
        too_large = too_large or read > limit
        if too_large:
            held.clear()
        else:
            held += chunk
        if read > _DRAINED_BYTES:
            break
    return None if too_large else bytes(held)


async def send(client: httpx.AsyncClient, request: Request, origin: str, target: bytes, body: bytes) -> httpx.Response:
    """Send the request to the backend; the answer's body is still to be read."""
    headers = [(name, value) for name, value in _end_to_end(request.headers.raw) if name != b"host"]
    if "accept" not in request.headers:
        headers.append((b"accept", b"*/*"))  # without it API Gateway answers with base64 text
    outgoing = client.build_request(
        request.method, origin, headers=headers, content=body or None, extensions={"target": target}
    )
    return await client.send(outgoing, stream=True)


async def _arriving(request: Request, timeout_seconds: float) -> AsyncIterator[bytes]:
    pieces = request.stream()
    while True:
        try:
            piece = await asyncio.wait_for(anext(pieces), timeout_seconds)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise HTTPException(408) from None
        yield piece


async def stream(
    client: httpx.AsyncClient, request: Request, origin: str, target: bytes, timeout_seconds: float
) -> Response:
    """Pass the request on while it comes in, and the answer while it comes back; neither is ever held.

    Who leaves early ends the request to the backend too, and a backend that
    breaks off its answer breaks off ours.

    Parameters
    ----------
    timeout_seconds
        How long the backend may neither take nor send anything.
    """
    headers = [(name, value) for name, value in _end_to_end(request.headers.raw) if name != b"host"]
    framed = {b"content-length", b"transfer-encoding"} & {name.lower() for name, _ in request.headers.raw}
    outgoing = client.build_request(
        request.method,
        origin,
        headers=headers,
        content=_arriving(request, timeout_seconds) if framed else None,  # without a Content-Length: in chunks
        timeout=timeout_seconds,
        extensions={"target": target},
    )
    answer = await client.send(outgoing, stream=True)
    return streamed(answer)


def streamed(answer: httpx.Response) -> Response:
    """Give a backend's answer back as it comes in."""
    response = StreamingResponse(answer.aiter_raw(), background=BackgroundTask(answer.aclose))
    return as_answered(answer, response)


async def answer_content(answer: httpx.Response, limit: int) -> bytes | None:
    """What was answered, or None if it is larger than the limit."""
    content = bytearray()
    try:
        async for chunk in answer.aiter_raw():
            content += chunk
            if len(content) > limit:
                return None
    finally:
        await answer.aclose()
    return bytes(content)


def as_answered(answer: httpx.Response, response: Response) -> Response:
    """Give the response the status and headers of the backend's answer."""
    response.status_code = answer.status_code
    response.raw_headers = _end_to_end(answer.headers.raw)
    return response


def _end_to_end(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers that are the message's; those that `Connection` names are not."""
    # RFC 9110 Section 5.5: blanks around a value are none of it, and httpx sends no value that ends in one.
    lines = [(name.lower(), value.strip(b" \t")) for name, value in headers]
    named = {option.strip().lower() for name, value in lines if name == b"connection" for option in value.split(b",")}
    return [(name, value) for name, value in lines if name not in _HOP_BY_HOP | named]
