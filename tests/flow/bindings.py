"""Where the tests' bindings lead: one of each kind, all from the space ``outbound``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.local.embedded_aws.clients import client
from infra.local.embedded_aws.process import ACCOUNT, REGION, EmbeddedAws
from infra.local.ports import any_free_port
from infra.local.settings import HOST

SPACE = "outbound"
QUEUE = "tests-subscriber"
BUS = "tests-subscribers-bus"
SECRET = "known to both"


def spaces() -> list[dict[str, str]]:
    """All that the tests have; bindings listen to one that other tests leave alone."""
    return [
        {
            "name": name,
            "ae_title": name.upper(),
            "other_bytes": "replace",
            "patient_identifier_system": f"urn:example:patients:{name}",
        }
        for name in ("main", "research", SPACE)
    ]


def kept_secrets(state_dir: Path, secrets: Mapping[str, str]) -> dict[str, str]:
    """The ARNs of secrets by their names; they are there before the system is deployed."""
    aws = EmbeddedAws(any_free_port(), state_dir)
    aws.start()
    try:
        aws.wait_ready()
        manager = client("secretsmanager", aws.endpoint_url)
        return {name: manager.create_secret(Name=name, SecretString=text)["ARN"] for name, text in secrets.items()}
    finally:
        aws.stop()


def bindings(*, front_port: int, webhook_port: int, node_port: int, secret_arn: str) -> list[dict[str, Any]]:
    """As `imaging.bindings` lists them."""
    here, of_space = f"{REGION}:{ACCOUNT}", {"space": SPACE}
    node = {"host": HOST, "port": node_port, "called_ae_title": "NODE", "calling_ae_title": "IMAGING"}
    webhook = f"http://{HOST}:{webhook_port}/events"
    return [
        {"name": "to-research", "on": "study", "filter": of_space, "target": {"space": "research"}},
        {
            "name": "to-main",
            "on": "instance",
            "filter": of_space,
            "target": {"dicomweb": f"http://{HOST}:{front_port}/spaces/main"},
        },
        {
            "name": "to-node",
            "on": "instance",
            "filter": {**of_space, "modality": "C?", "attributes": {"InstitutionName": "GENERAL*"}},
            "target": {"dimse": node},
            "concurrency": 1,
        },
        {
            "name": "to-webhook",
            "on": "study",
            "filter": of_space,
            "target": {"webhook": webhook, "signing_secret_arn": secret_arn},
        },
        {
            "name": "to-queue",
            "on": "instance",
            "filter": of_space,
            "target": {"queue_arn": f"arn:aws:sqs:{here}:{QUEUE}"},
        },
        {
            "name": "to-bus",
            "on": "study",
            "filter": of_space,
            "target": {"event_bus_arn": f"arn:aws:events:{here}:event-bus/{BUS}"},
        },
    ]
