"""boto3 clients, one per service and process, and their failures in our words."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from imaging.errors import Unavailable

_READ_TIMEOUT_SECONDS = "30"
_ATTEMPTS = "5"

_turn = threading.Lock()
_make_client: Callable[..., Any] = boto3.client


def client(service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients' classes at run time
    """Return the process's client of `service`; clients are safe to share between threads."""
    with _turn:  # making one takes a moment, and is no work for every thread that starts
        return made(service)


@cache
def made(service: str) -> Any:  # noqa: ANN401
    """Make a client; by `client` alone."""
    return _make_client(service, config=_config(service))


def _config(service: str) -> Config:
    """How long a service that hangs is waited for: whoever answers somebody that waits himself says so."""
    return Config(
        connect_timeout=5,
        read_timeout=float(os.environ.get("AWS_READ_TIMEOUT_SECONDS", _READ_TIMEOUT_SECONDS)),
        retries={"mode": "standard", "total_max_attempts": int(os.environ.get("AWS_MAX_ATTEMPTS", _ATTEMPTS))},
        max_pool_connections=32,
        signature_version="s3v4" if service == "s3" else "v4",  # s3v4: pre-signed addresses with response headers
    )


def error_code(error: ClientError) -> str:
    """The service's code, such as ``ConditionalCheckFailedException``."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def ours_to_retry(what: str) -> Iterator[None]:
    """Turn what AWS refuses or does not answer into `Unavailable`.

    The message names the call and the service's code, never its text: that may
    quote a key.

    Parameters
    ----------
    what
        The call, for the message: ``reading an object``.
    """
    try:
        yield
    except ClientError as error:
        raise Unavailable(f"AWS failed {what} ({error_code(error)}); it is tried again.") from error
    except BotoCoreError as error:
        raise Unavailable(f"AWS failed {what} ({type(error).__name__}); it is tried again.") from error
