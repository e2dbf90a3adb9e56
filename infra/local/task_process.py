"""What Fargate would run, run here with the environment of its deployed task definition."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import boto3

from infra.local.child import Child


def start_task(name: str, module: str, *, stack: str, here: Mapping[str, str], log_file: Path) -> Child:
    """Start the process of a stack's only task.

    Parameters
    ----------
    name
        What the person at the terminal calls it.
    module
        What its image runs: ``python -m <module>``.
    here
        The settings that are this machine's.
    """
    environment = {**os.environ, **task_environment(stack), **here}
    return Child(name, [sys.executable, "-m", module], environment, log_file)


def has_task(stack: str) -> bool:
    """Whether a deployed stack has a task at all."""
    return bool(_task_definitions(stack))


def task_environment(stack: str) -> dict[str, str]:
    """The environment of the container in the deployed task definition."""
    [task] = _task_definitions(stack)
    definition = boto3.client("ecs").describe_task_definition(taskDefinition=task)["taskDefinition"]
    [container] = definition["containerDefinitions"]
    return {entry["name"]: entry["value"] for entry in container["environment"]}


def _task_definitions(stack: str) -> list[str]:
    resources = boto3.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    return [each["PhysicalResourceId"] for each in resources if each["ResourceType"] == "AWS::ECS::TaskDefinition"]
