"""API Gateway's GETs, and what browsers ask before, answered by one Lambda function."""

import base64
import functools
import os
import re
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from imaging import bootstrap
from imaging.dicomweb.cross_origin import CrossOrigin
from imaging.dicomweb.message import Request, Response, error_response
from imaging.dicomweb.read_resources import ReadResources
from imaging.dicomweb.safe_in_a_browser import safe_in_a_browser
from imaging.errors import nameless

logger = Logger()
metrics = Metrics()
tracer = Tracer()

_BELOW_THE_STAGE = re.compile("/(spaces(/.*)?|IHEInvokeImageDisplay/?|arrivals/?|status/?)$", re.DOTALL)

TEXT_UP_TO_BYTES = 1_000_000  # as text a body grows by its escapes, as base64 by a third, whatever it holds


@functools.cache
def read_resources() -> ReadResources:
    """Compose the use cases, once per process."""
    return bootstrap.search_retrieve(os.environ)


@functools.cache
def cross_origin() -> CrossOrigin:
    """Read who may ask from a page of another origin, once per process."""
    return bootstrap.cross_origin(os.environ)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Translate the event, answer it, translate the answer."""
    request = request_of(event)
    try:
        response = cross_origin().preflight(request.method, request.headers) or answer(request)
    except Exception as failure:
        logger.error("failed", extra=nameless(failure))
        response = error_response(500, "The service failed unexpectedly; its log says where.")
    metrics.add_metric(f"Answered{response.status // 100}xx", MetricUnit.Count, 1)
    logger.info("answered", status=response.status, body_bytes=len(response.body))
    response = safe_in_a_browser(cross_origin().answered(request.headers, response))
    return proxy_result(response, is_head=request.is_head)


def answer(request: Request) -> Response:
    """Answer what is no preflight."""
    if not request.headers.get("accept", "*/*").strip():
        # API Gateway would hand out base64 text: it decodes a body only for an Accept that names something.
        return error_response(406, "The Accept header is empty; leave it out, or name what you can read, such as */*.")
    return read_resources()(request)


def request_of(event: dict[str, Any]) -> Request:
    """The request in an event of API Gateway's proxy integration; what stands before its resources is the stage's."""
    parameters = event.get("multiValueQueryStringParameters") or {}
    headers = event.get("multiValueHeaders") or {}
    below = _BELOW_THE_STAGE.search(event["path"])
    return Request(
        path=below[0] if below else "",
        parameters=[(name, value) for name, values in parameters.items() for value in values],
        headers={name.lower(): ", ".join(values) for name, values in headers.items()},
        method=event["httpMethod"],
    )


def proxy_result(response: Response, *, is_head: bool) -> dict[str, Any]:
    """The result for API Gateway; it turns base64 back into bytes."""
    body = b"" if is_head else response.body
    is_text = "json" in response.headers.get("Content-Type", "") and "Content-Encoding" not in response.headers
    result = {"statusCode": response.status, "headers": dict(response.headers)}
    if not body or (is_text and len(body) <= TEXT_UP_TO_BYTES):
        return {**result, "isBase64Encoded": False, "body": body.decode()}
    return {**result, "isBase64Encoded": True, "body": base64.b64encode(body).decode()}
