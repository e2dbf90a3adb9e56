"""A function on the embedded AWS that says what it received, and fails when told to."""

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.local.embedded_aws.clients import client
from infra.local.embedded_aws.process import ACCOUNT, EmbeddedAws

HANDLER = """
import json, os

def lambda_handler(event, context):
    keys = [record["dynamodb"]["Keys"]["pk"]["S"] if "dynamodb" in record else record["body"]
            for record in event["Records"]]
    with open(os.environ["RECEIVED"], "a") as received:
        received.write(json.dumps(keys) + "\\n")
    if any(key.startswith("raise") for key in keys):
        raise ValueError("told to")
    return {"batchItemFailures": [
        {"itemIdentifier": record["dynamodb"]["SequenceNumber"] if "dynamodb" in record else record["messageId"]}
        for record, key in zip(event["Records"], keys) if key.startswith("report")
    ]}
"""


def make_function(aws: EmbeddedAws, received: Path) -> str:
    """Deploy the function; it appends the keys of each batch to `received`, a line of JSON each."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("handler.py", HANDLER)
    functions = client("lambda", aws.endpoint_url)
    answer = functions.create_function(
        FunctionName="probe",
        Runtime="python3.11",
        Role=f"arn:aws:iam::{ACCOUNT}:role/probe",
        Handler="handler.lambda_handler",
        Code={"ZipFile": code.getvalue()},
        Environment={"Variables": {"RECEIVED": str(received)}},
    )
    name: str = answer["FunctionName"]
    return name


def batches(received: Path) -> list[list[str]]:
    """What the function has received so far."""
    return [json.loads(line) for line in received.read_text().splitlines()] if received.exists() else []


def wait_until(holds: Callable[[], Any], seconds: float = 45) -> None:
    """Give something time to happen."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
