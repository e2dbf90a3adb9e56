"""The DIMSE endpoint of the local run."""

import socket
from pathlib import Path

from infra.local.child import Child
from infra.local.settings import HOST, Settings
from infra.local.task_process import start_task

STACK = "ImagingDimse"
_READY_SECONDS = 30.0


def start(settings: Settings, log_file: Path) -> Child:
    """Start the endpoint and wait until it listens."""
    here = {
        "DIMSE_PORT": str(settings.dimse_port),
        "DIMSE_BIND_ADDRESS": HOST,
        "DIMSE_STOP_SECONDS": "10",
    }
    endpoint = start_task("DIMSE endpoint", "functions.dimse", stack=STACK, here=here, log_file=log_file)
    endpoint.wait_until(lambda: _listens(settings.dimse_port), _READY_SECONDS)
    return endpoint


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
