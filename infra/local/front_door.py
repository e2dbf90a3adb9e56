"""The front door: one address for everything, and the limits of what it stands for."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infra.local.edge_function.event import viewer_request
from infra.local.edge_function.process import EdgeFunction, EdgeFunctionFailed
from infra.local.limits import API_GATEWAY_BODY_BYTES, LAMBDA_PAYLOAD_BYTES, fits_in_an_answer, largest_body_bytes
from infra.local.relay import (
    answer_content,
    as_answered,
    backend_client,
    request_body,
    request_target,
    send,
    stream,
    streamed,
)
from infra.local.site import Site

ROUTING_RULE = Path(__file__).parents[1] / "constructs" / "choose_origin.js"
GATEWAY = "gateway"
"""The origin's id in the routing rule."""

GATEWAY_TIMEOUT_SECONDS = 120.0
"""The longest that CloudFront waits for an origin."""

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
DEPLOYED = (
    *("/spaces", "/spaces/", "/spaces/{space}", "/spaces/{space}/{rest:path}"),
    *("/IHEInvokeImageDisplay", "/arrivals", "/status"),
)
SITE = ("/", "/page/{rest:path}", "/viewer", "/viewer/{rest:path}")
STARTING = "The system is starting; try again when /health answers 200."
TOO_LARGE_TO_STORE = (
    "The request is larger than API Gateway and Lambda carry ({limit} bytes here): "
    "copy the files to the bucket with `aws s3 cp FILE s3://BUCKET/incoming/`, or store fewer instances a request."
)
TOO_LARGE_TO_ANSWER = (
    "The answer is larger than Lambda carries (6 MB): retrieve a single instance with Accept: application/dicom, "
    "or search with a smaller limit."
)


@dataclass
class Backends:
    """Where requests go, and whether the parts are up.

    Attributes
    ----------
    fhir
        The FHIR server, ``http://host:port``.
    api
        The deployed API's stage; None before there is one.
    gateway
        The streaming gateway, ``http://host:port``; None for a deployment without one.
    site
        The viewer and the page; None for a deployment without them.
    parts
        Tells for each part of the system whether it is up.
    ready
        Whether the start has come to its end.
    """

    fhir: str
    parts: Callable[[], Mapping[str, bool]]
    api: str | None = None
    gateway: str | None = None
    site: Site | None = None
    ready: bool = False


def front_door(backends: Backends) -> Starlette:
    """Make the application."""
    client, routing = backend_client(), EdgeFunction(ROUTING_RULE)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with client:
            yield
        await routing.stop()

    async def health(_: Request) -> Response:
        parts = backends.parts()
        status = "starting" if not backends.ready else "ok" if all(parts.values()) else "down"
        body = {"status": status, "parts": {part: "ok" if up else "down" for part, up in parts.items()}}
        return JSONResponse(body, 200 if status == "ok" else 503)

    async def deployed(request: Request) -> Response:
        target = request_target(request)
        if backends.api is None:
            return failure(503, STARTING)
        if backends.gateway and (await routing.route(viewer_request(request))).origin == GATEWAY:
            return await stream(client, request, backends.gateway, target, GATEWAY_TIMEOUT_SECONDS)
        return await api(request, backends.api, target)

    async def api(request: Request, stage: str, target: bytes) -> Response:
        target = httpx.URL(stage).raw_path + target
        limit = largest_body_bytes(target, request.headers.raw)
        body = await request_body(request, limit)
        if body is None:
            return failure(413, TOO_LARGE_TO_STORE.format(limit=limit))
        answer = await send(client, request, stage, target, body)
        content = await answer_content(answer, LAMBDA_PAYLOAD_BYTES)
        if content is None or not fits_in_an_answer(
            content, answer.headers.get("content-type", ""), answer.headers.get("content-encoding", "")
        ):
            return failure(413, TOO_LARGE_TO_ANSWER)
        return as_answered(answer, Response(content))

    async def site(request: Request) -> Response:
        if backends.site is None:
            if not backends.ready:
                return failure(503, STARTING)
            raise HTTPException(404)
        return await backends.site.answer(request, (await routing.route(viewer_request(request))).uri)

    async def fhir(request: Request) -> Response:
        body = await request_body(request, API_GATEWAY_BODY_BYTES)
        if body is None:
            return failure(413, "The local FHIR server takes at most 10 MB in one request.")
        answer = await send(client, request, backends.fhir, request_target(request), body)
        return streamed(answer)

    routes: list[tuple[str, Callable[[Request], Awaitable[Response]], list[str]]] = [
        ("/health", health, ["GET"]),
        *((path, deployed, METHODS) for path in DEPLOYED),
        *((path, site, ["GET", "HEAD"]) for path in SITE),
        ("/fhir", fhir, METHODS),
        ("/fhir/{rest:path}", fhir, METHODS),
    ]
    app = Starlette(
        routes=[Route(path, endpoint, methods=methods) for path, endpoint, methods in routes],
        lifespan=lifespan,
        exception_handlers={
            HTTPException: _http_failure,
            httpx.TransportError: _unreachable,
            ClientDisconnect: _gone,
            EdgeFunctionFailed: _not_routed,
        },
    )
    app.router.redirect_slashes = False
    return app


def failure(status: int, sentence: str) -> JSONResponse:
    """Make the error body of contract and README: one sentence."""
    return JSONResponse({"error": sentence}, status)


async def _http_failure(_: Request, failed: Exception) -> Response:
    status = failed.status_code if isinstance(failed, HTTPException) else 500
    if status == 408:
        return failure(408, "The body stopped coming in; send the request again.")
    if status == 405:
        return failure(405, "The method is not one that this address knows.")
    return failure(status, "There is nothing at this address; /spaces/{space}/studies is where DICOMweb begins.")


async def _unreachable(_: Request, failed: Exception) -> Response:
    if isinstance(failed, httpx.TimeoutException):
        return failure(504, "The system did not answer in time; try again.")
    return failure(503, "A part of the system is not running; /health tells which.")


async def _not_routed(_: Request, __: Exception) -> Response:
    return failure(503, "The routing rule does not run; try again.")


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=499)  # the client has left: nobody reads this
