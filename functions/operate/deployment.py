"""Which deployment the operators' command speaks to, and the environment its processes would have."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

_OUTPUT = "OperatorEnvironment"


class DeploymentNotFound(Exception):
    """There is nothing to speak to; the message says what to do."""


@dataclass(frozen=True)
class Deployment:
    """A deployment, by the environment of its processes."""

    name: str
    environment: Mapping[str, str]

    @property
    def spaces(self) -> list[str]:
        """The names of its storage spaces."""
        return [space["name"] for space in json.loads(self.environment["SPACES"])]


def of_local_run(state_dir: Path) -> Deployment:
    """The local run that keeps its state in `state_dir`.

    Raises
    ------
    DeploymentNotFound
        If it is not running.
    """
    try:
        environment = json.loads((state_dir / "operator.json").read_text())
    except FileNotFoundError as missing:
        raise DeploymentNotFound(f"No local run is up on {state_dir}; start one with `make run`.") from missing
    return Deployment(str(state_dir), environment)


def of_cloudformation() -> Deployment:
    """The stacks in the account and region of the caller's AWS profile.

    Raises
    ------
    DeploymentNotFound
        If they are not there or the profile may not see them.
    """
    try:
        client = boto3.client("cloudformation")
        outputs = {
            output["OutputKey"]: output["OutputValue"]
            for stack in client.describe_stacks(StackName="ImagingOperations")["Stacks"]
            for output in stack.get("Outputs", [])
        }
    except (BotoCoreError, ClientError) as failure:
        raise DeploymentNotFound(
            "The stack ImagingOperations cannot be read; deploy it, or name the profile and region it is in "
            "(AWS_PROFILE, AWS_REGION), or speak to a local run with --state-dir."
        ) from failure
    return Deployment("ImagingOperations", json.loads(outputs[_OUTPUT]))
