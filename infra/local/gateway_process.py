"""The streaming gateway of the local run."""

from pathlib import Path

import httpx

from infra.local.child import Child
from infra.local.settings import HOST
from infra.local.task_process import start_task

STACK = "ImagingGateway"
_READY_SECONDS = 30.0


def start(port: int, log_file: Path) -> Child:
    """Start the gateway from the deployed task definition."""
    here = {
        "GATEWAY_PORT": str(port),
        "GATEWAY_BIND_ADDRESS": HOST,
        "GATEWAY_STOP_SECONDS": "10",
    }
    return start_task("gateway", "functions.gateway", stack=STACK, here=here, log_file=log_file)


def wait_ready(gateway: Child, port: int) -> None:
    """Wait until it answers."""

    def answers() -> bool:
        try:
            return httpx.get(f"http://{HOST}:{port}/health", trust_env=False).is_success
        except httpx.TransportError:
            return False

    gateway.wait_until(answers, _READY_SECONDS)
