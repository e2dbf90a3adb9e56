"""The deployment that a command was told to speak to, and what can be named in it."""

import os
from collections.abc import Mapping
from pathlib import Path

import click

from functions.operate.deployment import Deployment, DeploymentNotFound, of_cloudformation, of_local_run
from imaging import bootstrap
from imaging.model.queues import Queue


def deployment(state_dir: Path | None) -> Deployment:
    """Find the deployment, and give this process the environment that its processes have."""
    try:
        found = of_local_run(state_dir) if state_dir else of_cloudformation()
    except DeploymentNotFound as missing:
        raise click.ClickException(str(missing)) from missing
    os.environ.update(found.environment)
    os.environ["AWS_SDK_UA_APP_ID"] = "imaging-operate"  # every AWS call names the process that made it
    return found


def spaces(found: Deployment, only: str | None) -> list[str]:
    """The space that is meant, or all of them."""
    if only and only not in found.spaces:
        raise click.ClickException(f"There is no space {only}; there are: {', '.join(found.spaces)}.")
    return [only] if only else found.spaces


def queue(name: str) -> Queue:
    """The queue of that name."""
    known: Mapping[str, Queue] = bootstrap.queues(os.environ)
    if name not in known:
        raise click.ClickException(f"There is no queue {name}; there are: {', '.join(known) or 'none'}.")
    return known[name]
