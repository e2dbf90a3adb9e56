"""The gateway's requests: translated, answered by the use cases that the functions call too, translated back."""

import re

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
from imaging.dicomweb.safe_in_a_browser import safe_in_a_browser
from imaging.errors import nameless

STORES_AT_A_TIME = 32
READS_AT_A_TIME = 64
PICTURES_AT_A_TIME = 32
DESCRIPTIONS_AT_A_TIME = 32
"""Threads of their own: slow senders hold up no reader, and neither whole studies nor pictures, which may wait for
work on pixels, hold up who looks for one."""

_PICTURES = re.compile(r"/(frames/[^/]+|rendered|thumbnail|wado|pixeldata|bulkdata(/.*)?)/?$")
_DESCRIPTIONS = re.compile(r"/(studies|series|instances|metadata|revisions(/[^/]+)?)/?$")


def application(gateway: Gateway, logger: Logger, *, stores_at_a_time: int = STORES_AT_A_TIME) -> Starlette:
    """Make the application."""
    journal = Journal(logger)
    storing, reading = anyio.CapacityLimiter(stores_at_a_time), anyio.CapacityLimiter(READS_AT_A_TIME)
    drawing, describing = anyio.CapacityLimiter(PICTURES_AT_A_TIME), anyio.CapacityLimiter(DESCRIPTIONS_AT_A_TIME)

    async def health(_: Request) -> Response:
        return Response('{"status": "ok"}', media_type="application/json")

    async def spaces(request: Request) -> Response:
        asked = request_of(request)
        answer = gateway.cross_origin.preflight(asked.method, asked.headers) or await answered(request, asked)
        return to_send(gateway.cross_origin.answered(asked.headers, answer), threads_of(asked))

    async def answered(request: Request, asked: message.Request) -> message.Response:
        try:
            return await (store(request) if asked.method == "POST" else read(asked))
        except ClientDisconnect:
            journal.left()
            return message.Response(499)  # nobody reads this
        except SenderStalled:
            return error_response(408, "The body stopped coming in; send the request again.")
        except Exception as failure:
            failed(failure)
            return error_response(500, "The service failed unexpectedly; its log says where.")

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

    async def read(asked: message.Request) -> message.Response:
        answer = await to_thread.run_sync(gateway.read, asked, limiter=threads_of(asked))
        journal.read(answer)
        return answer

    async def not_served(request: Request, refused: Exception) -> Response:
        asked, status = request_of(request), refused.status_code if isinstance(refused, HTTPException) else 500
        answer = error_response(status, "This address does not serve this; DICOMweb begins at /spaces/{space}.")
        return to_send(gateway.cross_origin.answered(asked.headers, answer), threads_of(asked))

    def failed(failure: Exception) -> None:
        logger.error("failed", extra=nameless(failure))

    def threads_of(asked: message.Request) -> anyio.CapacityLimiter:
        if _PICTURES.search(asked.path):
            return drawing
        return describing if _DESCRIPTIONS.search(asked.path) else reading

    def to_send(answer: message.Response, threads: anyio.CapacityLimiter) -> Response:
        answer = safe_in_a_browser(answer)
        if answer.stream:
            return StreamedResponse(answer.stream, answer.status, answer.headers, tell=failed, limiter=threads)
        response = Response(answer.body, answer.status)
        if not answer.body:  # nothing says how long a body is that was not made: RFC 9110 Section 8.6
            del response.headers["content-length"]
        for name, value in answer.headers.items():  # those of a HEAD say what a GET would have
            response.headers[name] = value
        return response

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/spaces/{rest:path}", spaces, methods=["GET", "HEAD", "POST", "OPTIONS"]),
        ],
        exception_handlers={HTTPException: not_served},
    )


def request_of(request: Request) -> message.Request:
    """The request without its body."""
    return message.Request(
        request.scope["path"],
        request.query_params.multi_items(),
        {name: ", ".join(request.headers.getlist(name)) for name in request.headers},
        request.method,
    )
