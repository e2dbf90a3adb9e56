"""What the templates hold that the embedded AWS does not imitate.

MiniStack refuses a whole template for one resource type it does not know. The
types listed here are accepted and do nothing; any other unknown type still
fails the deployment. No test may rest on a resource of these types.
"""

import uuid
from typing import Any

from ministack.services.cloudformation import provisioners

INERT_TYPES = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "one process is all there is",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "one process is all there is",
    "AWS::CloudFront::VpcOrigin": "the front door is the way in",
    "AWS::EC2::FlowLog": "there is no network but loopback",
    "AWS::EC2::SecurityGroupEgress": "there is no network but loopback",
    "AWS::EC2::SecurityGroupIngress": "there is no network but loopback",
    "AWS::EventSchemas::Registry": "subscribers read the schemas where they lie in the tree",
    "AWS::EventSchemas::Schema": "subscribers read the schemas where they lie in the tree",
}


def register() -> None:
    """Make CloudFormation accept them."""
    for resource_type in INERT_TYPES:
        handlers = {"create": _create, "delete": lambda *_: None}
        provisioners._RESOURCE_HANDLERS.setdefault(resource_type, handlers)


def _create(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
    name = f"{stack_name}-{logical_id}-{uuid.uuid4().hex[:8]}"
    return name, {"Id": name}
