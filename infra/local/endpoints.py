"""What `endpoints.json` says: where everything is, for scripts and tests."""

import json
import os
from collections.abc import Mapping
from typing import Any

from infra.local.embedded_aws.deploy import Outputs
from infra.local.embedded_aws.process import REGION
from infra.local.settings import HOST, Settings


def endpoints(
    settings: Settings, outputs: Outputs, aws_endpoint_url: str, *, dimse_tls_port: int | None, has_viewer: bool
) -> dict[str, Any]:
    """Describe the running system, as the contract has it; with port for TLS and viewer where there is one."""
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
        "dimse": {
            "host": HOST,
            "port": settings.dimse_port,
            **({"tls_port": dimse_tls_port} if dimse_tls_port else {}),
        },
        "fhir": settings.fhir,
        **({"viewer": f"{front}/viewer"} if has_viewer else {}),
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
    dimse = found["dimse"]
    tls = f", with TLS {dimse['host']}:{dimse['tls_port']}" if "tls_port" in dimse else ""
    site = f"  page        {found['front']}/\n  viewer      {found['viewer']}\n" if "viewer" in found else ""
    return (
        f"{site}{spaces}  DIMSE       {dimse['host']}:{dimse['port']}{tls}\n"
        f"  FHIR        {found['fhir']}\n"
        f"  AWS         {found['aws']['endpoint_url']}\n"
        f"  health      {found['front']}/health"
    )


def operator_environment(outputs: Outputs) -> dict[str, str]:
    """The environment that the operators' command would have as a process of the deployment."""
    environment: dict[str, str] = json.loads(outputs["ImagingOperations"]["OperatorEnvironment"])
    return environment
