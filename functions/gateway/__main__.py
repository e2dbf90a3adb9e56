"""The gateway as a process: `python -m functions.gateway`."""

import os
import signal
import sys
from collections.abc import Callable, Mapping

import uvicorn
from aws_lambda_powertools import Logger

from functions.gateway.application import application
from imaging import bootstrap
from imaging.bootstrap import Gateway
from imaging.settings import MissingSetting, Settings


def serve(environment: Mapping[str, str], compose: Callable[[Mapping[str, str]], Gateway]) -> int:
    """Serve until SIGTERM or SIGINT, let the running requests finish, and return the exit code."""
    settings = Settings(environment)
    try:
        configuration = uvicorn.Config(
            application(compose(environment), Logger()),
            host=settings["GATEWAY_BIND_ADDRESS"],
            port=int(settings["GATEWAY_PORT"]),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=125,  # longer than a load balancer keeps a connection, so that it is never the one cut
            timeout_graceful_shutdown=int(settings.get("GATEWAY_STOP_SECONDS", "110")),
        )
    except MissingSetting as missing:
        print(missing, file=sys.stderr)
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # uvicorn drains on them, and then raises them once more
    uvicorn.Server(configuration).run()
    return 0


if __name__ == "__main__":
    sys.exit(serve(os.environ, bootstrap.gateway))
