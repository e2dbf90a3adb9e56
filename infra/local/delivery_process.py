"""What delivers to DIMSE nodes in the local run, where a binding leads to one."""

from pathlib import Path

from infra.local.child import Child
from infra.local.task_process import has_task, start_task

STACK = "ImagingDistribution"


def is_wanted() -> bool:
    """Whether the deployment has it."""
    return has_task(STACK)


def start(log_file: Path) -> Child:
    """Start it; it has no door to wait for."""
    here = {"DELIVER_STOP_SECONDS": "10"}
    return start_task("delivery to DIMSE nodes", "functions.deliver_dimse", stack=STACK, here=here, log_file=log_file)
