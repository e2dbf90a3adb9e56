"""Stage 2 as a Lambda: S3 events from a queue, in batches with partial failures."""

import functools
import json
import os
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from imaging import bootstrap
from imaging.errors import Rejected, Unavailable, nameless
from imaging.model.identifiers import InstanceKey

logger = Logger()
tracer = Tracer(auto_patch=False)  # a trace would name the keys of objects, and a key may name a patient
metrics = Metrics()


@functools.cache
def process() -> bootstrap.Indexing:
    """The use case and what it needs, composed at the first event."""
    return bootstrap.index_instance(os.environ)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Index all keys of the batch together; report only those messages whose keys failed."""
    keys_of: dict[str, list[InstanceKey]] = {}
    failed: set[str] = set()
    for record in event["Records"]:
        try:
            keys_of[record["messageId"]] = _keys(json.loads(record["body"]))
        except Unavailable as failure:
            logger.warning("not set aside yet", why=str(failure))
            failed.add(record["messageId"])
    keys = {key for keys in keys_of.values() for key in keys}
    not_indexed = _index(keys)
    failed |= {message for message, of_message in keys_of.items() if not_indexed & set(of_message)}
    metrics.add_metric("InstancesIndexed", MetricUnit.Count, len(keys) - len(not_indexed))
    return {"batchItemFailures": [{"itemIdentifier": message} for message in failed]}


def _index(keys: set[InstanceKey]) -> set[InstanceKey]:
    """Index the keys; those that failed. What nobody foresaw fails one instance, not those that came with it."""
    try:
        return _not_indexed(keys)
    except Exception as failure:
        if len(keys) > 1:
            return {key for one in keys for key in _index({one})}
        logger.error("failed", extra=nameless(failure))
        return keys


def _not_indexed(keys: Iterable[InstanceKey]) -> set[InstanceKey]:
    failures = process().index(keys)
    for key, failure in failures.items():
        logger.warning("not indexed yet", study=key.study_instance_uid, instance=key.sop_instance_uid, why=str(failure))
    return set(failures)


def _keys(body: dict[str, Any]) -> list[InstanceKey]:
    """The instances an S3 notification speaks of; a test event speaks of none."""
    keys = []
    for record in body.get("Records", []):
        space = process().space_of_bucket[record["s3"]["bucket"]["name"]]
        object_key = unquote_plus(record["s3"]["object"]["key"])
        try:
            key = InstanceKey.of_object(space, object_key)
        except Rejected as rejected:
            if record["eventName"].startswith("ObjectCreated"):
                process().index.refuse(space, object_key, rejected)
            continue
        if key:
            keys.append(key)
    return keys
