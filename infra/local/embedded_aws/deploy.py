"""Deploys a synthesised CDK app onto the embedded AWS, as `cdk deploy --all` would."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infra.local.embedded_aws.assets import assets_of, publish
from infra.local.embedded_aws.clients import client
from infra.local.failure import CannotRun

BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"
NEWER_THAN_ANY_TEMPLATE_ASKS_FOR = "100"
CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
CANNOT_BE_UPDATED = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED")
LOOK_SECONDS = 0.1

Outputs = dict[str, dict[str, str]]


class DeploymentError(CannotRun):
    """A stack could not be deployed; the message names it and what CloudFormation said."""


def deploy(cdk_out: Path, endpoint_url: str, report: Callable[[str], None]) -> Outputs:
    """Create or update every stack, after those it depends on.

    Have the embedded AWS take a `snapshot` afterwards.

    Parameters
    ----------
    cdk_out
        The cloud assembly, synthesised for `process.ACCOUNT` and `process.REGION`.
    endpoint_url
        Of the embedded AWS.
    report
        Told what happens, a short sentence at a time.

    Returns
    -------
    dict
        The outputs of every stack: ``outputs[stack name][output key]``.

    Raises
    ------
    DeploymentError
        For the first stack that fails.
    """
    client("ssm", endpoint_url).put_parameter(
        Name=BOOTSTRAP_VERSION, Value=NEWER_THAN_ANY_TEMPLATE_ASKS_FOR, Type="String", Overwrite=True
    )
    cloudformation = client("cloudformation", endpoint_url)
    outputs: Outputs = {}
    for stack_name in stacks_in_order(cdk_out):
        template_address = ""
        for asset in assets_of(cdk_out, stack_name):
            if publish(asset, endpoint_url):
                report(f"{stack_name}: uploaded {asset.source.name[:24]}")
            if asset.source.name == f"{stack_name}.template.json":
                template_address = f"{endpoint_url}/{asset.bucket}/{asset.object_key}"
        stack = _deploy_stack(cloudformation, stack_name, template_address)
        report(f"{stack_name}: {stack['StackStatus']}")
        outputs[stack_name] = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    return outputs


def stacks_in_order(cdk_out: Path) -> list[str]:
    """The stacks of a cloud assembly, each after those it depends on."""
    artifacts = json.loads((cdk_out / "manifest.json").read_text())["artifacts"]
    ordered: list[str] = []

    def visit(name: str) -> None:
        artifact = artifacts[name]
        for dependency in artifact.get("dependencies", []):
            visit(dependency)
        if artifact["type"] == "aws:cloudformation:stack" and name not in ordered:
            ordered.append(name)

    for name in artifacts:
        visit(name)
    return ordered


def _deploy_stack(cloudformation: Any, name: str, template_address: str) -> dict[str, Any]:  # noqa: ANN401 - boto3's
    request = {"StackName": name, "TemplateURL": template_address, "Capabilities": CAPABILITIES}
    before = _stack(cloudformation, name)
    if before and before["StackStatus"] in CANNOT_BE_UPDATED:
        cloudformation.delete_stack(StackName=name)
        _wait(cloudformation, name)
        before = None
    try:
        if before is None:
            cloudformation.create_stack(**request)
        else:
            cloudformation.update_stack(**request)
    except ClientError as error:
        if "No updates" not in str(error):
            raise DeploymentError(f"The stack {name} could not be deployed: {error}") from error
    stack = _wait(cloudformation, name)
    if stack is None or stack["StackStatus"] not in DONE:
        raise DeploymentError(f"The stack {name} could not be deployed: {_first_failure(cloudformation, name)}")
    return stack


def _wait(cloudformation: Any, name: str) -> dict[str, Any] | None:  # noqa: ANN401 - boto3's
    while True:
        stack = _stack(cloudformation, name)
        if stack is None or not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return stack
        time.sleep(LOOK_SECONDS)


def _stack(cloudformation: Any, name: str) -> dict[str, Any] | None:  # noqa: ANN401 - boto3's
    try:
        found: list[dict[str, Any]] = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return next((stack for stack in found if stack["StackStatus"] != "DELETE_COMPLETE"), None)


def _first_failure(cloudformation: Any, name: str) -> str:  # noqa: ANN401 - boto3's
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failures = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
    if not failures:
        return "CloudFormation does not say why."
    first = failures[-1]  # the newest event is told first
    return f"{first['LogicalResourceId']} ({first['ResourceType']}): {first.get('ResourceStatusReason', '')}"
