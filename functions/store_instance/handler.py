"""API Gateway's POSTs below a space: STOW-RS."""

import base64
import functools
import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from imaging import bootstrap
from imaging.dicomweb.cross_origin import CrossOrigin
from imaging.dicomweb.message import error_response
from imaging.dicomweb.safe_in_a_browser import safe_in_a_browser
from imaging.dicomweb.store_resource import StoreAnswer, StoreResource
from imaging.errors import Rejected, nameless

logger = Logger()
metrics = Metrics()
tracer = Tracer()


@functools.cache
def store_resource() -> StoreResource:
    """Compose the use case, once per process."""
    return bootstrap.store_resource(os.environ)


@functools.cache
def cross_origin() -> CrossOrigin:
    """Read who may ask from a page of another origin, once per process."""
    return bootstrap.cross_origin(os.environ)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Translate the event, store, translate the answer."""
    path, headers = path_and_headers_of(event)
    try:
        answer = store_resource()(path, headers, [body_of(event)])
    except Exception as failure:
        logger.error("failed", extra=nameless(failure))
        answer = StoreAnswer(error_response(500, "The service failed unexpectedly; its log says where."))
    tell(answer)
    response = safe_in_a_browser(cross_origin().answered(headers, answer.response))
    return {
        "statusCode": response.status,
        "headers": dict(response.headers),
        "isBase64Encoded": False,
        "body": response.body.decode(),
    }


def path_and_headers_of(event: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Path, and headers by lower-case name, of API Gateway's event; what stands before /spaces is the stage's."""
    _, root, below = event["path"].partition("/spaces/")
    return root + below, {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def body_of(event: dict[str, Any]) -> bytes:
    """The body in API Gateway's event."""
    body = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()


def tell(answer: StoreAnswer) -> None:
    """Count and log what became of the instances."""
    refused = [outcome for outcome in answer.outcomes if isinstance(outcome, Rejected)]
    stored = len(answer.outcomes) - len(refused)
    for rejected in refused:
        logger.warning("refused", reason=rejected.reason.value, SOPInstanceUID=rejected.sop_instance_uid)
    metrics.add_metric("InstancesStored", MetricUnit.Count, stored)
    metrics.add_metric("InstancesRefused", MetricUnit.Count, len(refused))
    logger.info("answered", status=answer.response.status, stored=stored, refused=len(refused))
