"""What each process called on AWS while the other flows ran, compared with what its role grants.

Runs after all other tests (`tests/conftest.py`); alone it has little to compare.
The embedded AWS enforces no policy, so this is what proves them.
"""

import json
import re
from collections import defaultdict
from typing import NamedTuple

import pytest

from infra.constructs.grants import IMPLIED
from infra.local.embedded_aws.clients import client
from tests.flow.running_system import RunningSystem

WITH_PERMISSIONS_OF_ITS_CALLER = {"operate", "bench"}  # the operators' commands
DOES_WHAT_OTHERS_DO = {"reconcile": {"operate", "index_instance", "announce_change"}}
"""What `reconcile` mends seldom needs mending: most of its calls others make, in the very same use cases."""

CALLED_BY_SOME = {"sqs:ChangeMessageVisibility"}
"""Of the bindings those alone put messages off whose target was away."""


class Grant(NamedTuple):
    """A statement that allows."""

    actions: list[str]
    resources: list[str]

    def covers(self, action: str, resource: str) -> bool:
        return action in self.actions and any(matches(pattern, resource) for pattern in self.resources)

    def is_used(self, action: str, calls: "set[Call]") -> bool:
        return any(called == action and self.covers(called, resource) for called, resource in calls)


Call = tuple[str, str]
Grants = dict[str, list[Grant]]
Calls = dict[str, set[Call]]


@pytest.fixture(scope="module")
def granted(system: RunningSystem) -> Grants:
    """The statements of every process's role, as they were deployed."""
    endpoint_url = system.endpoints["aws"]["endpoint_url"]
    return {process: grants_of(role_arn, endpoint_url) for process, role_arn in roles(endpoint_url).items()}


@pytest.fixture(scope="module")
def called(system: RunningSystem) -> Calls:
    """Every action that each process needed, with what it was done to."""
    calls: Calls = defaultdict(set)
    for line in system.recorded_calls.read_text().splitlines():
        call = json.loads(line)
        calls[call["process"]].update(zip(call["actions"], map(as_configured, call["resources"]), strict=True))
    return calls


def test_no_process_calls_what_it_is_not_granted(granted: Grants, called: Calls) -> None:
    refused = [
        f"{process} may not call {action} on {resource}"
        for process, calls in called.items()
        if process not in WITH_PERMISSIONS_OF_ITS_CALLER
        for action, resource in sorted(calls)
        if not any(grant.covers(action, resource) for grant in granted[process])
    ]
    assert not refused, "\n".join(refused)


def test_no_process_is_granted_what_it_never_calls(granted: Grants, called: Calls) -> None:
    idle = [
        f"{process} never calls {action} on {grant.resources[0]}"
        for process, grants in granted.items()
        for grant in grants
        for action in grant.actions
        if action not in IMPLIED
        and not grant.is_used(action, calls_like(process, called))
        and not is_called_by_another(action, process, called)
    ]
    assert not idle, "\n".join(idle)


def test_every_implied_action_is_granted_to_some_process(granted: Grants) -> None:
    assert set(IMPLIED) <= {action for grants in granted.values() for grant in grants for action in grant.actions}


def test_actions_are_granted_one_by_one(granted: Grants) -> None:
    assert [
        action for grants in granted.values() for grant in grants for action in grant.actions if "*" in action
    ] == []


def calls_like(process: str, called: Calls) -> set[Call]:
    """The calls of a process, and of those that run the same code: bindings have a process each, of one folder."""
    alike = {other for other in called if folder(other) == folder(process)} | DOES_WHAT_OTHERS_DO.get(process, set())
    return {call for other in alike for call in called[other]}


def is_called_by_another(action: str, process: str, called: Calls) -> bool:
    """Whether another binding's process does to its own what this one would do to its own."""
    return (
        action in CALLED_BY_SOME
        and folder(process) != process
        and any(called_action == action for called_action, _ in calls_like(process, called))
    )


def as_configured(resource: str) -> str:
    """The tests' secret has an ending that nobody knew when its binding was configured."""
    return re.sub(r"(:secret:tests-.+)-[0-9a-f]{6}$", r"\1", resource)


def folder(process: str) -> str:
    return process.partition("-")[0]


def roles(endpoint_url: str) -> dict[str, str]:
    """The ARN of every process's role: of the functions, and of the tasks."""
    found: dict[str, str] = {}
    for page in client("lambda", endpoint_url).get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            found[process_named(function["Environment"]["Variables"])] = function["Role"]
    ecs = client("ecs", endpoint_url)
    for arn in ecs.list_task_definitions()["taskDefinitionArns"]:
        task = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        variables = {pair["name"]: pair["value"] for pair in task["containerDefinitions"][0]["environment"]}
        found[process_named(variables)] = task["taskRoleArn"]
    return found


def process_named(environment: dict[str, str]) -> str:
    return environment["AWS_SDK_UA_APP_ID"].removeprefix("imaging-")


def grants_of(role_arn: str, endpoint_url: str) -> list[Grant]:
    """What the role's own policies allow; it has no others."""
    iam = client("iam", endpoint_url)
    role = role_arn.rpartition("/")[2]
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
    documents = [
        iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    statements = [statement for document in documents for statement in document["Statement"]]
    assert all(statement["Effect"] == "Allow" for statement in statements)
    return [Grant(as_list(statement["Action"]), as_list(statement["Resource"])) for statement in statements]


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def matches(pattern: str, text: str) -> bool:
    """Whether an IAM pattern, where ``*`` stands for any text, covers it."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None
