"""API Gateway's DELETEs below a space."""

import functools
import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from imaging import bootstrap
from imaging.dicomweb.cross_origin import CrossOrigin
from imaging.dicomweb.delete_resource import DeleteResource
from imaging.dicomweb.message import error_response
from imaging.dicomweb.safe_in_a_browser import safe_in_a_browser
from imaging.errors import nameless

logger = Logger()
metrics = Metrics()
tracer = Tracer()


@functools.cache
def delete_resource() -> DeleteResource:
    """Compose the use case, once per process."""
    return bootstrap.delete_instances(os.environ)


@functools.cache
def cross_origin() -> CrossOrigin:
    """Read who may ask from a page of another origin, once per process."""
    return bootstrap.cross_origin(os.environ)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Translate the event, delete, translate the answer."""
    _, root, below = event["path"].partition("/spaces/")  # what stands before is the stage's
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    try:
        response = delete_resource()(root + below)
    except Exception as failure:
        logger.error("failed", extra=nameless(failure))
        response = error_response(500, "The service failed unexpectedly; its log says where.")
    response = safe_in_a_browser(cross_origin().answered(headers, response))
    metrics.add_metric(f"Answered{response.status // 100}xx", MetricUnit.Count, 1)
    logger.info("answered", status=response.status)
    return {
        "statusCode": response.status,
        "headers": dict(response.headers),
        "isBase64Encoded": False,
        "body": response.body.decode(),
    }
