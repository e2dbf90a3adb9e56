"""The comparison of bucket and manifest as its schedule calls it, in the deployed function."""

import json

from infra.local.embedded_aws.clients import client
from tests.flow.running_system import RunningSystem

SPACE = "research"


def test_a_pass_that_is_due_goes_through_and_another_is_not_due(system: RunningSystem) -> None:
    aws = system.endpoints["aws"]
    key = {"pk": {"S": f"RECONCILE#{SPACE}"}, "sk": {"S": "PASS"}}
    client("dynamodb", aws["endpoint_url"]).delete_item(TableName=aws["manifest_table"], Key=key)

    first, second = call(aws["endpoint_url"]), call(aws["endpoint_url"])

    assert first[SPACE]["phase"] == "done"
    assert first[SPACE]["failed"] == 0
    assert SPACE not in second


def call(endpoint_url: str) -> dict[str, dict[str, object]]:
    functions = client("lambda", endpoint_url).get_paginator("list_functions").paginate()
    [name] = [
        function["FunctionName"]
        for page in functions
        for function in page["Functions"]
        if function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == "reconcile"
    ]
    answer = client("lambda", endpoint_url).invoke(FunctionName=name, Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()
    return json.loads(answer["Payload"].read())
