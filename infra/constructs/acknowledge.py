"""Answers to findings of cdk-nag: which, where, and why it is right as it is."""

import json
from collections.abc import Iterable, Mapping

from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_iam as iam
from constructs import IConstruct


def acknowledge(scope: IConstruct, rule: str, reason: str) -> None:
    """Accept a finding of the AwsSolutions pack, such as ``APIG3``, on this construct and what it is made of."""
    Validations.of(scope).acknowledge(Acknowledgment(id=f"AwsSolutions-{rule}", reason=reason))


def acknowledge_wildcards(
    role: iam.IRole, statements: Iterable[iam.PolicyStatement], reasons: Mapping[str, str]
) -> None:
    """Accept each resource with a wildcard in the statements of a role.

    Parameters
    ----------
    reasons
        By what the resource ends with. A wildcard that has none stays a finding.
    """
    for statement in statements:
        for resource in statement.resources:
            for end, reason in reasons.items():
                if resource.endswith(end):
                    named = _as_named_by_the_rule(Stack.of(role).resolve(resource))
                    acknowledge(role, f"IAM5[Resource::{named}]", reason)


def _as_named_by_the_rule(resolved: object) -> str:
    match resolved:
        case str():
            return resolved
        case {"Fn::Join": [delimiter, parts]}:
            return str(delimiter).join(_as_named_by_the_rule(part) for part in parts)
        case {"Fn::ImportValue": name}:
            return _as_named_by_the_rule(name)
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"<{resource}.{attribute}>"
        case {"Ref": resource}:
            return f"<{resource}>"
    return json.dumps(resolved)
