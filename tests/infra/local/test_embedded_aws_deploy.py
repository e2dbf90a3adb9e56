"""A cloud assembly is deployed onto the embedded AWS."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.local.embedded_aws.assets import zipped
from infra.local.embedded_aws.clients import client
from infra.local.embedded_aws.deploy import DeploymentError, deploy, stacks_in_order
from infra.local.embedded_aws.process import ACCOUNT, EmbeddedAws

ASSETS_BUCKET = "assets"
QUEUE: dict[str, Any] = {"Type": "AWS::SQS::Queue"}
RULE_OF_A_SECURITY_GROUP: dict[str, Any] = {
    "Type": "AWS::EC2::SecurityGroupIngress",
    "Properties": {"IpProtocol": "tcp", "FromPort": 11112},
}


class Assembly:
    """A cloud assembly as the CDK writes it, of stacks that each need the one before."""

    def __init__(self, folder: Path, **resources_by_stack: dict[str, Any]) -> None:
        self.folder = folder
        artifacts: dict[str, Any] = {}
        for stack in reversed(resources_by_stack):  # so that the order has to be found
            artifacts[stack] = {"type": "aws:cloudformation:stack", "dependencies": [f"{stack}.assets"]}
            artifacts[f"{stack}.assets"] = {"type": "cdk:asset-manifest"}
        for before, after in zip(list(resources_by_stack), list(resources_by_stack)[1:], strict=False):
            artifacts[after]["dependencies"].append(before)
        self._write("manifest.json", {"artifacts": artifacts})
        for stack, resources in resources_by_stack.items():
            self.write_stack(stack, resources)

    def write_stack(self, stack: str, resources: dict[str, Any], version: str = "1") -> None:
        outputs = {f"{name}Ref": {"Value": {"Ref": name}} for name in resources}
        self._write(f"{stack}.template.json", {"Resources": resources, "Outputs": outputs})
        code = self.folder / f"asset.{stack}"
        code.mkdir(exist_ok=True)
        (code / "handler.py").write_text(f"def lambda_handler(event, context):\n    return 'version {version}'\n")
        self._write(
            f"{stack}.assets.json",
            {
                "files": {
                    "template": self._asset(f"{stack}.template.json", "file", f"{stack}.{version}.json"),
                    "code": self._asset(f"asset.{stack}", "zip", f"{stack}.{version}.zip"),
                },
                "dockerImages": {"image": {"source": {"directory": "nowhere"}}},
            },
        )

    def _asset(self, path: str, packaging: str, object_key: str) -> dict[str, Any]:
        destination = {"bucketName": ASSETS_BUCKET, "objectKey": object_key}
        return {"source": {"path": path, "packaging": packaging}, "destinations": {"here": destination}}

    def _write(self, name: str, content: dict[str, Any]) -> None:
        (self.folder / name).write_text(json.dumps(content))


def function(stack: str, version: str) -> dict[str, Any]:
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "FunctionName": f"{stack}-function",
            "Runtime": "python3.11",
            "Handler": "handler.lambda_handler",
            "Role": f"arn:aws:iam::{ACCOUNT}:role/probe",
            "Code": {"S3Bucket": ASSETS_BUCKET, "S3Key": f"{stack}.{version}.zip"},
        },
    }


def answer_of(aws: EmbeddedAws, name: str) -> str:
    payload: str = json.load(client("lambda", aws.endpoint_url).invoke(FunctionName=name)["Payload"])
    return payload


def test_stacks_come_after_those_they_need(tmp_path: Path) -> None:
    assembly = Assembly(tmp_path, Data={"Queue": QUEUE}, Api={"Queue": QUEUE}, Pipeline={"Queue": QUEUE})
    assert stacks_in_order(assembly.folder) == ["Data", "Api", "Pipeline"]


def test_a_folder_becomes_the_same_zip_wherever_and_whenever_it_is_made(tmp_path: Path) -> None:
    for name, order in (("one", ("a.py", "b.py")), ("two", ("b.py", "a.py"))):
        (tmp_path / name).mkdir()
        for file in order:
            (tmp_path / name / file).write_text(file)
    assert zipped(tmp_path / "one") == zipped(tmp_path / "two")


def test_outputs_are_returned_and_a_second_time_nothing_happens(embedded_aws: EmbeddedAws, tmp_path: Path) -> None:
    assembly = Assembly(tmp_path, First={"Queue": QUEUE}, Second={"Queue": QUEUE})
    said: list[str] = []
    outputs = deploy(assembly.folder, embedded_aws.endpoint_url, said.append)
    assert outputs["First"]["QueueRef"] != outputs["Second"]["QueueRef"]
    assert said == [
        "First: uploaded First.template.json",
        "First: uploaded asset.First",
        "First: CREATE_COMPLETE",
        "Second: uploaded Second.template.json",
        "Second: uploaded asset.Second",
        "Second: CREATE_COMPLETE",
    ]
    said.clear()
    assert deploy(assembly.folder, embedded_aws.endpoint_url, said.append) == outputs
    assert said == ["First: CREATE_COMPLETE", "Second: CREATE_COMPLETE"]


def test_changed_code_is_served(own_aws: EmbeddedAws, tmp_path: Path) -> None:
    assembly = Assembly(tmp_path, Changing={"Function": function("Changing", "1")})
    deploy(assembly.folder, own_aws.endpoint_url, str)
    assert answer_of(own_aws, "Changing-function") == "version 1"
    own_aws.stop()
    own_aws.start()
    own_aws.wait_ready()
    assembly.write_stack("Changing", {"Function": function("Changing", "2")}, version="2")
    deploy(assembly.folder, own_aws.endpoint_url, str)
    assert answer_of(own_aws, "Changing-function") == "version 2"


def test_an_inert_type_is_accepted_and_an_unknown_one_is_not(embedded_aws: EmbeddedAws, tmp_path: Path) -> None:
    assembly = Assembly(tmp_path, Network={"Rule": RULE_OF_A_SECURITY_GROUP})
    assert deploy(assembly.folder, embedded_aws.endpoint_url, str)["Network"]["RuleRef"].startswith("Network-Rule-")
    assembly.write_stack("Network", {"Misspelt": {"Type": "AWS::EC2::SecurityGroupIngres"}}, version="2")
    with pytest.raises(DeploymentError, match=r"The stack Network could not be deployed: .*SecurityGroupIngres"):
        deploy(assembly.folder, embedded_aws.endpoint_url, str)


def test_a_stack_that_failed_is_made_anew(embedded_aws: EmbeddedAws, tmp_path: Path) -> None:
    no_policy = {"Type": "AWS::SQS::Queue", "Properties": {"RedrivePolicy": {"maxReceiveCount": 3}}}
    assembly = Assembly(tmp_path, Failing={"Queue": no_policy})
    with pytest.raises(DeploymentError, match=r"The stack Failing could not be deployed: Queue \(AWS::SQS::Queue\): "):
        deploy(assembly.folder, embedded_aws.endpoint_url, str)
    assembly.write_stack("Failing", {"Queue": QUEUE}, version="2")
    assert "QueueRef" in deploy(assembly.folder, embedded_aws.endpoint_url, str)["Failing"]
