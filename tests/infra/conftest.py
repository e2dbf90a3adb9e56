"""Deployments that the tests look at, each synthesised once."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.app import build_app, context
from infra.config import Configuration
from infra.dependencies import LayerFolders
from infra.gateway_config import GatewayConfiguration
from infra.viewer.folder import ViewerFolder
from infra.viewer_config import ViewerConfiguration
from tests.infra.bindings import BINDINGS
from tests.infra.dimse import DIMSE
from tests.infra.synthesised import Synthesised

ROOT = Path(__file__).parents[2]
Synthesise = Callable[..., Synthesised]


@pytest.fixture(scope="session")
def own_settings() -> dict[str, Any]:
    """What cdk.json says."""
    return context({})["imaging"]


@pytest.fixture(scope="session")
def synthesise(tmp_path_factory, own_settings) -> Synthesise:
    """Make templates of cdk.json's settings and these, without downloading what others wrote: layers, the viewer."""
    packages = tmp_path_factory.mktemp("packages")
    (packages / "python").mkdir()
    (packages / "python" / "one_module.py").touch()
    ohif = ViewerFolder(tmp_path_factory.mktemp("viewer"))
    ohif.files.mkdir()
    (ohif.files / "app.bundle.js").touch()
    ohif.index_html.write_text("<!doctype html>")

    def synthesised(
        name: str, settings: dict[str, Any], *, gateway: dict[str, Any] | None = None, viewer: Any = None
    ) -> Synthesised:
        folder = tmp_path_factory.mktemp(name)
        configuration = Configuration.of({**own_settings, **settings}, {})
        # Past the check that a deployment has no gateway yet.
        configuration = dataclasses.replace(
            configuration,
            gateway=GatewayConfiguration.of(gateway),
            viewer=ViewerConfiguration.of(viewer, has_gateway=gateway is not None),
        )
        build_app(configuration, str(folder), LayerFolders(packages, packages), ohif).synth()
        return Synthesised(folder)

    return synthesised


@pytest.fixture(scope="session")
def deployed(synthesise) -> Synthesised:
    """The twin of `local`, in another region."""
    return synthesise(
        "deployed",
        {
            "account": "111122223333",
            "region": "eu-central-1",
            "public_base_address": "https://imaging.example.org",
            "fhir": {"base_url": "https://fhir.example.org/r4"},
        },
        gateway={},
    )


@pytest.fixture(scope="session")
def full(synthesise) -> Synthesised:
    """With everything that can be made."""
    return synthesise(
        "full",
        {
            "domain": {
                "name": "imaging.example.org",
                "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/0123",
            },
            "fhir": {"create_healthlake": True},
            "alarm_email": "imaging@example.org",
            "cors": {"allowed_origins": ["https://viewer.example.org"]},
            "query_tags": [{"tag": "ImageComments", "level": "series"}],
            "bindings": BINDINGS,
            "dimse": DIMSE,
        },
        gateway={
            "domain": {
                "name": "dicomweb.example.org",
                "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/4567",
            },
            "tasks": 2,
            "spool_gib": 50,
        },
        viewer={"embedded_in": ["https://ehr.example.org"]},
    )


@pytest.fixture(scope="session")
def existing(synthesise) -> Synthesised:
    """With what is there already: a network and a FHIR server."""
    return synthesise(
        "existing",
        {
            "fhir": {
                "base_url": "https://fhir.example.org/r4",
                "authorization": "bearer",
                "token_secret_arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:fhir-AbCdEf",
            },
            "dimse": {
                "peer_cidrs": ["10.0.0.0/8"],
                "vpc": {
                    "id": "vpc-0123abcd",
                    "availability_zones": ["us-east-1a", "us-east-1b"],
                    "task_subnet_ids": ["subnet-0123ab0a", "subnet-0123ab0b"],
                    "load_balancer_subnet_ids": ["subnet-0123ab1a", "subnet-0123ab1b"],
                },
            },
        },
    )


@pytest.fixture(scope="session")
def local(tmp_path_factory, own_settings) -> Synthesised:
    """As the local run makes it: a process of its own, and no credentials anywhere."""
    folder = tmp_path_factory.mktemp("local")
    settings = {
        **own_settings,
        "local": True,
        "account": "000000000000",
        "region": "us-east-1",
        "quiet_seconds": 5,
        "api_authorization": "none",
        "public_base_address": "https://imaging.example.org",
        "fhir": {"base_url": "https://fhir.example.org/r4"},
        "gateway": {},
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    subprocess.run(
        [sys.executable, "-m", "infra.app"],
        cwd=ROOT,
        env={**environment, "CDK_CONTEXT_JSON": json.dumps({"imaging": settings}), "CDK_OUTDIR": str(folder)},
        check=True,
    )
    return Synthesised(folder)
