"""Nobody may do more than is named, and what is wide has its reason."""

import json

from infra.constructs.grants import IMPLIED
from infra.constructs.statements import WILDCARDS
from tests.infra.synthesised import as_list, flat

NAMES_NO_RESOURCE = {
    *("xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"),
    *("logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery"),
    *("logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"),
    "dynamodb:ListStreams",
    "cloudwatch:GetMetricData",
    "ecr:GetAuthorizationToken",
}
"""Actions that IAM grants on all resources or not at all."""

ALL_ROWS = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*"]}}


def test_no_policy_has_a_wildcard_of_actions(full, existing):
    for deployment in (full, existing):
        for name, statement in deployment.statements():
            assert not any("*" in action for action in as_list(statement["Action"])), name


def test_every_resource_with_a_wildcard_has_its_reason(full, existing):
    for deployment in (full, existing):
        for name, statement in deployment.statements():
            for resource in map(flat, as_list(statement["Resource"])):
                if resource == "*":
                    assert set(as_list(statement["Action"])) <= NAMES_NO_RESOURCE, name
                elif "*" in resource:
                    assert resource.endswith(tuple(WILDCARDS)), (name, resource)


def test_what_is_granted_without_a_call_by_that_name_is_explained(full):
    granted = {action for _, statement in full.statements() for action in as_list(statement["Action"])}

    assert IMPLIED.keys() <= granted


def test_every_acknowledged_finding_has_a_reason_in_a_sentence(full, existing, deployed):
    reasons = [
        reason
        for deployment in (full, existing, deployed)
        for path in deployment.folder.glob("*.metadata.json")
        for entries in json.loads(path.read_text()).values()
        for entry in entries
        if entry["type"] == "aws:cdk:acknowledged-rules"
        for rule, reason in entry["data"].items()
        if "AwsSolutions" in rule
    ]

    assert reasons
    for reason in reasons:
        assert len(reason.split()) >= 6, reason
        assert reason.endswith("."), reason


def test_publishing_writes_its_own_rows_and_the_marks_of_revisions_alone(full):
    granted = {
        (action.removeprefix("dynamodb:"), partition)
        for name, statement in full.statements()
        if name.startswith("ImagingFhir/")
        for action in as_list(statement["Action"])
        if action.startswith("dynamodb:")
        for partition in statement.get("Condition", ALL_ROWS)["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    }

    own = {(action, key) for action in ("PutItem", "UpdateItem", "DeleteItem") for key in ("FHIR#*", "FHIR-ID#*")}
    assert granted == {("GetItem", "*"), ("UpdateItem", "STUDY#*"), *own}
