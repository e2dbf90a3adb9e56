"""Which process called which part of AWS: the material of the permission test and of the bench."""

import json
import re
import threading
from pathlib import Path
from typing import NamedTuple

from ministack import app
from ministack.core import iam_actions
from ministack.core.router import detect_service

from infra.local.embedded_aws.process import ACCOUNT, REGION

# `AWS_SDK_UA_APP_ID=imaging-<process>` on every process puts this into the User-Agent of its calls.
PROCESS_IN_USER_AGENT = re.compile(r"\bapp/imaging-(\S+)")
BATCH_OPERATION_OF_SQS = re.compile(r"^(sqs:\w+)Batch$")

Permission = tuple[str, str]


class Call(NamedTuple):
    """A request as MiniStack dispatches it; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    query: dict[str, list[str]]


def install(file: Path) -> None:
    """Append one line of JSON to `file` for each call of a process of ours.

    A line has ``process``, ``service``, ``actions`` and ``resources``: the IAM
    actions and, each at the same place, the ARN of what it was done to; and
    ``sent_bytes`` and ``received_bytes``, the bodies as the process sees them.
    """
    dispatch = app._dispatch_service_request
    lock = threading.Lock()

    async def record_and_dispatch(*request: object) -> object:
        call = Call(*request[:5])  # type: ignore[arg-type]
        caller = PROCESS_IN_USER_AGENT.search(call.headers.get("user-agent", ""))
        if not caller:
            return await dispatch(*request)
        service = detect_service(call.method, call.path, call.headers, call.query)
        needed = permissions(service, call)
        line: dict[str, object] = {
            "process": caller.group(1),
            "service": service,
            "actions": [action for action, _ in needed],
            "resources": [resource for _, resource in needed],
            "sent_bytes": len(call.body),
            "received_bytes": 0,
        }
        try:
            answer = await dispatch(*request)
            line["received_bytes"] = _body_bytes(call.method, answer[2])
        finally:
            with lock, file.open("a") as calls:
                calls.write(json.dumps(line) + "\n")
        return answer

    app._dispatch_service_request = record_and_dispatch


def _body_bytes(method: str, body: object) -> int:
    """How many bytes the process gets to read: none of a HEAD, and none of ours asks for an endless answer."""
    if method == "HEAD" or not isinstance(body, bytes | str):
        return 0
    return len(body.encode() if isinstance(body, str) else body)


def permissions(service: str, call: Call) -> list[Permission]:
    """The actions that AWS would look for in the caller's policies, each with its resource.

    References
    ----------
    AWS Service Authorization Reference, *Actions, resources, and condition keys*.
    """
    action = iam_actions.extract_iam_action(service, *call)
    if action is None:
        return []
    action = BATCH_OPERATION_OF_SQS.sub(r"\1", action)
    in_transaction: list[Permission] = iam_actions.dynamodb_transaction_checks(action, call.body, REGION, ACCOUNT)
    if in_transaction:
        return sorted(set(in_transaction))
    resources = {iam_actions.extract_resource_arn(service, *call, REGION, ACCOUNT)}
    if service == "dynamodb":
        resources.update(iam_actions.dynamodb_resource_arns(call.body, REGION, ACCOUNT))
    elif service == "events":
        resources.update(iam_actions.eventbridge_resource_arns(call.body, REGION, ACCOUNT))
    needed = {(action, resource) for resource in resources}
    if service == "s3":
        needed.update(iam_actions.s3_additional_checks(call.method, call.path, call.headers, call.body, call.query))
    return sorted(needed)
