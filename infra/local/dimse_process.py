"""The DIMSE endpoint: what Fargate would run, run here from the deployed task definition."""

import os
import socket
import sys
from pathlib import Path

import boto3

from infra.local.child import Child
from infra.local.settings import HOST, Settings

STACK = "ImagingDimse"
_READY_SECONDS = 30.0


def task_environment() -> dict[str, str]:
    """The environment of the container in the deployed task definition."""
    resources = boto3.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
    [task] = [each["PhysicalResourceId"] for each in resources if each["ResourceType"] == "AWS::ECS::TaskDefinition"]
    definition = boto3.client("ecs").describe_task_definition(taskDefinition=task)["taskDefinition"]
    [container] = definition["containerDefinitions"]
    return {entry["name"]: entry["value"] for entry in container["environment"]}


def start(settings: Settings, log_file: Path) -> Child:
    """Start the endpoint and wait until it listens."""
    environment = {
        **os.environ,
        **task_environment(),
        "DIMSE_PORT": str(settings.dimse_port),
        "DIMSE_BIND_ADDRESS": HOST,
        "DIMSE_STOP_SECONDS": "10",
    }
    endpoint = Child("DIMSE endpoint", [sys.executable, "-m", "functions.dimse"], environment, log_file)
    endpoint.wait_until(lambda: _listens(settings.dimse_port), _READY_SECONDS)
    return endpoint


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
