"""The DIMSE endpoint of the local run."""

import json
import socket
from collections.abc import Mapping
from pathlib import Path

from infra.local.child import Child
from infra.local.ports import any_free_port
from infra.local.settings import HOST, Settings
from infra.local.synthesis import local_context
from infra.local.task_process import start_task, task_environment

STACK = "ImagingDimse"
STORESCP = {"ae_title": "STORESCP", "host": HOST, "port": 11113}
"""Where C-MOVE can lead to without anything configured: ``storescp 11113`` of DCMTK."""
_READY_SECONDS = 30.0


def tls_port(settings: Settings) -> int | None:
    """Where the endpoint is to speak TLS; None where the deployment has none."""
    if "DIMSE_TLS_PORT" not in task_environment(STACK):
        return None
    return settings.dimse_tls_port or any_free_port()


def start(settings: Settings, chosen_tls_port: int | None, log_file: Path) -> Child:
    """Start the endpoint and wait until it listens."""
    here = {
        "DIMSE_PORT": str(settings.dimse_port),
        "DIMSE_BIND_ADDRESS": HOST,
        "DIMSE_STOP_SECONDS": "8",
        "AWS_READ_TIMEOUT_SECONDS": "30",  # this AWS shares the machine, and is slow when that is busy
        **({"DIMSE_TLS_PORT": str(chosen_tls_port)} if chosen_tls_port else {}),
        **registry(local_context(settings)["imaging"].get("dimse") or {}, task_environment(STACK)),
    }
    endpoint = start_task("DIMSE endpoint", "functions.dimse", stack=STACK, here=here, log_file=log_file)
    endpoint.wait_until(lambda: _listens(settings.dimse_port), _READY_SECONDS)
    return endpoint


def registry(configured: Mapping[str, object], deployed: Mapping[str, str]) -> dict[str, str]:
    """Whom the endpoint knows on this machine: whoever calls, unless ``callers`` says otherwise, and `STORESCP`.

    Parameters
    ----------
    configured
        The settings ``imaging.dimse``.
    deployed
        The environment of the deployed task.
    """
    peers = json.loads(deployed["DIMSE_PEERS"])
    if all(peer["ae_title"] != STORESCP["ae_title"] for peer in peers):
        peers = [*peers, STORESCP]
    return {"DIMSE_CALLERS": str(configured.get("callers") or "any"), "DIMSE_PEERS": json.dumps(peers)}


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
