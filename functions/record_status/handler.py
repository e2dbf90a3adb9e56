"""The deployment's status, recorded once a minute: whoever shows it reads one row."""

import functools
import os
from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

from imaging import bootstrap
from imaging.bootstrap import Recording

logger = Logger()
tracer = Tracer()


@functools.cache
def recording() -> Recording:
    """The use case and where its answer goes, composed at the first event."""
    return bootstrap.record_status(os.environ)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Read and record; a run that ends after a later one changes nothing."""
    status = recording().read()
    is_kept = recording().record.keep(status.as_json(), status.as_of)
    if status.trouble:
        logger.info("there is trouble", sentences=len(status.trouble))
    return {"as_of": status.as_of.isoformat(), "kept": is_kept}
