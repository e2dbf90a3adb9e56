"""What `endpoints.json` says: where everything is, for scripts and tests."""

import json
import os
from collections.abc import Mapping
from typing import Any

from infra.local.embedded_aws.deploy import Outputs
from infra.local.embedded_aws.process import REGION
from infra.local.settings import HOST, Settings


def endpoints(settings: Settings, outputs: Outputs, aws_endpoint_url: str) -> dict[str, Any]:
    """Describe the running system, as the contract has it."""
    front = settings.front
    return {
        "front": front,
        "spaces": {
            space["name"]: {
                "dicomweb": f"{front}/spaces/{space['name']}",
                "bucket": space["bucket"],
                "ae_title": space["ae_title"],
            }
            for space in json.loads(operator_environment(outputs)["SPACES"])
        },
        "dimse": {"host": HOST, "port": settings.dimse_port},
        "fhir": settings.fhir,
        "viewer": f"{front}/viewer",
        "aws": {
            "endpoint_url": aws_endpoint_url,
            "region": REGION,
            "event_bus": outputs["ImagingPipeline"]["EventBus"],
            "manifest_table": outputs["ImagingData"]["ManifestTable"],
        },
        "pid": os.getpid(),
    }


def addresses(found: Mapping[str, Any]) -> str:
    """Say the same to a person."""
    spaces = "".join(
        f"  DICOMweb    {space['dicomweb']}   (AE title {space['ae_title']}, bucket {space['bucket']})\n"
        for space in found["spaces"].values()
    )
    return (
        f"{spaces}  DIMSE       {found['dimse']['host']}:{found['dimse']['port']}\n"
        f"  FHIR        {found['fhir']}\n"
        f"  AWS         {found['aws']['endpoint_url']}\n"
        f"  health      {found['front']}/health"
    )


def operator_environment(outputs: Outputs) -> dict[str, str]:
    """The environment that the operators' command would have as a process of the deployment."""
    environment: dict[str, str] = json.loads(outputs["ImagingOperations"]["OperatorEnvironment"])
    return environment
