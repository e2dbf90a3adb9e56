"""The gateway's requests: translated, answered by the use cases that the functions call too, translated back."""

from collections.abc import Awaitable, Callable
from functools import partial

from aws_lambda_powertools import Logger
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
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

Answer = Callable[[Request], Awaitable[message.Response]]


def application(gateway: Gateway, logger: Logger) -> Starlette:
    """Make the application."""
    journal = Journal(logger)

    async def health(_: Request) -> Response:
        return Response('{"status": "ok"}', media_type="application/json")

    async def store(request: Request) -> message.Response:
        body = RequestBody(request.stream())
        answer = await run_in_threadpool(gateway.store, request.scope["path"], dict(request.headers), body)
        journal.stored(answer)
        return answer.response

    async def read(request: Request) -> message.Response:
        asked = message.Request(
            request.scope["path"],
            request.query_params.multi_items(),
            {name: ", ".join(request.headers.getlist(name)) for name in request.headers},
            is_head=request.method == "HEAD",
        )
        answer = await run_in_threadpool(gateway.read, asked)
        journal.read(answer)
        return answer

    async def answered(answer: Answer, request: Request) -> Response:
        try:
            return _to_send(await answer(request))
        except ClientDisconnect:
            journal.left()
            return Response(status_code=499)  # nobody reads this
        except SenderStalled:
            return _to_send(error_response(408, "The body stopped coming in; send the request again."))
        except Exception as failure:
            logger.error("failed", extra=nameless(failure))
            return _to_send(error_response(500, "The service failed unexpectedly; its log says where."))

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/spaces/{rest:path}", partial(answered, store), methods=["POST"]),
            Route("/spaces/{rest:path}", partial(answered, read), methods=["GET", "HEAD"]),
        ]
    )


def _to_send(answer: message.Response) -> Response:
    if answer.stream:
        return StreamedResponse(answer.stream, answer.status, answer.headers)
    response = Response(answer.body, answer.status)
    for name, value in answer.headers.items():  # those of a HEAD say what a GET would have
        response.headers[name] = value
    return response
