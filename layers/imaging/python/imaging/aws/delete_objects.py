"""Delete markers on many keys at once."""

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from imaging.aws.clients import ours_to_retry
from imaging.errors import Unavailable

_KEYS_A_CALL = 1_000  # as many as DeleteObjects takes
_SIDE_BY_SIDE = 4  # S3 takes about 3,500 deletes a second under one prefix
_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS = 0.1


def delete_objects(s3: Any, bucket: str, object_keys: Sequence[str]) -> None:  # noqa: ANN401 - boto3's client
    """Put a delete marker on each of the keys.

    Raises
    ------
    Unavailable
        S3 left some of them; which, only a listing tells.
    """
    calls = [list(object_keys[start : start + _KEYS_A_CALL]) for start in range(0, len(object_keys), _KEYS_A_CALL)]
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        list(pool.map(partial(_delete, s3, bucket), calls))


def _delete(s3: Any, bucket: str, keys: list[str]) -> None:  # noqa: ANN401
    errors: list[dict[str, str]] = []
    for attempt in range(_ATTEMPTS):
        with ours_to_retry("deleting objects"):
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True})
        # A call that succeeds may have failed for single keys, most often with SlowDown.
        errors = answer.get("Errors", [])
        if not errors:
            return
        keys = [error["Key"] for error in errors]
        time.sleep(random.uniform(0, _FIRST_PAUSE_SECONDS * 2**attempt))
    raise Unavailable(f"S3 left objects undeleted ({errors[0].get('Code', '')}); they are tried again.")
