"""The gateway's requests: translated, answered by the use cases that the functions call too, translated back."""

from collections.abc import Awaitable, Callable
from functools import partial

import anyio
from anyio import to_thread
from aws_lambda_powertools import Logger
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from functions.gateway.journal import Journal
from functions.gateway.request_body import RequestBody, SenderStalled
from functions.gateway.response_body import StreamedResponse
from imaging.bootstrap import Gateway
from imaging.dicomweb import message
from imaging.dicomweb.message import error_response
from imaging.errors import nameless

STORES_AT_A_TIME = 32
READS_AT_A_TIME = 64
"""Threads of their own, so that slow senders hold up no reader."""

Answer = Callable[[Request], Awaitable[message.Response]]


def application(gateway: Gateway, logger: Logger, *, stores_at_a_time: int = STORES_AT_A_TIME) -> Starlette:
    """Make the application."""
    journal = Journal(logger)
    storing, reading = anyio.CapacityLimiter(stores_at_a_time), anyio.CapacityLimiter(READS_AT_A_TIME)

    async def health(_: Request) -> Response:
        return Response('{"status": "ok"}', media_type="application/json")

    async def store(request: Request) -> message.Response:
        if storing.available_tokens < 1:
            sentence = f"There are {stores_at_a_time} others storing at this moment; send the request again."
            return error_response(503, sentence, {"Retry-After": "10"})
        body = RequestBody(request.stream())
        answer = await to_thread.run_sync(
            gateway.store, request.scope["path"], dict(request.headers), body, limiter=storing
        )
        journal.stored(answer)
        return answer.response

    async def read(request: Request) -> message.Response:
        asked = message.Request(
            request.scope["path"],
            request.query_params.multi_items(),
            {name: ", ".join(request.headers.getlist(name)) for name in request.headers},
            is_head=request.method == "HEAD",
        )
        answer = await to_thread.run_sync(gateway.read, asked, limiter=reading)
        journal.read(answer)
        return answer

    async def answered(answer: Answer, request: Request) -> Response:
        try:
            return to_send(await answer(request))
        except ClientDisconnect:
            journal.left()
            return Response(status_code=499)  # nobody reads this
        except SenderStalled:
            return to_send(error_response(408, "The body stopped coming in; send the request again."))
        except Exception as failure:
            failed(failure)
            return to_send(error_response(500, "The service failed unexpectedly; its log says where."))

    async def not_served(_: Request, refused: Exception) -> Response:
        status = refused.status_code if isinstance(refused, HTTPException) else 500
        return to_send(error_response(status, "This address does not serve this; DICOMweb begins at /spaces/{space}."))

    def failed(failure: Exception) -> None:
        logger.error("failed", extra=nameless(failure))

    def to_send(answer: message.Response) -> Response:
        if answer.stream:
            return StreamedResponse(answer.stream, answer.status, answer.headers, tell=failed, limiter=reading)
        response = Response(answer.body, answer.status)
        for name, value in answer.headers.items():  # those of a HEAD say what a GET would have
            response.headers[name] = value
        return response

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/spaces/{rest:path}", partial(answered, store), methods=["POST"]),
            Route("/spaces/{rest:path}", partial(answered, read), methods=["GET", "HEAD"]),
        ],
        exception_handlers={HTTPException: not_served},
    )
