"""The CDK app: `python -m infra.app` or `cdk synth`; neither needs credentials."""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from aws_cdk import App, Environment, Stack, Tags, Validations
from cdk_nag import AwsSolutionsChecks

from infra.config import Configuration
from infra.constructs.layers import PYTHON_VERSION
from infra.dependencies import PINS, ROOT, LayerError, LayerFolders, Target, layer_folders
from infra.npm_package import PackageError
from infra.section import ConfigurationError
from infra.stacks.api import ApiStack
from infra.stacks.data import DataStack
from infra.stacks.dimse import DimseStack
from infra.stacks.distribution import DistributionStack
from infra.stacks.fhir import FhirStack
from infra.stacks.gateway import GatewayStack
from infra.stacks.operations import OperationsStack
from infra.stacks.pipeline import PipelineStack
from infra.viewer.folder import ViewerFolder, viewer_folder

_LINT_IGNORES = {
    "W3005": "CDK names a function's role among its dependencies, beside the reference to it",
    "W6001": "the operators' command reads the outputs of one stack, what that imports included",
}


def context(environment: Mapping[str, str]) -> dict[str, Any]:
    """cdk.json's context, and over it what the CLI or the local run passes on."""
    own = json.loads((ROOT / "cdk.json").read_text("utf-8"))["context"]
    return {**own, **json.loads(environment.get("CDK_CONTEXT_JSON", "{}"))}


def build_app(
    configuration: Configuration,
    outdir: str,
    layers: LayerFolders | None = None,
    viewer: ViewerFolder | None = None,
) -> App:
    """Make all stacks of a deployment.

    Parameters
    ----------
    outdir
        Where `synth` writes the templates and assets.
    layers
        Folders that hold the layers of third-party packages; None to build them.
    viewer
        Holds the viewer; None to make it where the deployment has one.
    """
    app = App(outdir=outdir, context=context({}))
    layers = layers or _layers(configuration)
    env = Environment(account=configuration.account, region=configuration.region)
    data = DataStack(app, "ImagingData", configuration, env=env)
    api = ApiStack(app, "ImagingApi", configuration, data.archive, layers=layers, env=env)
    pipeline = PipelineStack(
        app,
        "ImagingPipeline",
        configuration,
        data.archive,
        index_queue=data.index_queue,
        drop_queue=data.drop_queue,
        public_base_address=api.public_base_address,
        dependencies=layers.common,
        env=env,
    )
    queues = pipeline.queues
    if configuration.fhir:
        fhir = FhirStack(
            app,
            "ImagingFhir",
            configuration,
            data.archive,
            fhir=configuration.fhir,
            event_bus=pipeline.event_bus,
            public_base_address=api.public_base_address,
            dependencies=layers.common,
            env=env,
        )
        queues = [*queues, fhir.queue]
    network = None
    if configuration.dimse:
        network = DimseStack(
            app,
            "ImagingDimse",
            configuration,
            data.archive,
            dimse=configuration.dimse,
            finalize_queue=pipeline.finalize_queue,
            env=env,
        ).network
    DistributionStack(
        app,
        "ImagingDistribution",
        configuration,
        data.archive,
        event_bus=pipeline.event_bus,
        network=network,
        public_base_address=api.public_base_address,
        dependencies=layers.common,
        env=env,
    )
    if configuration.gateway:
        GatewayStack(
            app,
            "ImagingGateway",
            configuration,
            data.archive,
            gateway=configuration.gateway,
            api_host=api.host,
            public_base_address=api.public_base_address,
            viewer=(viewer or viewer_folder()) if _puts_viewer(configuration) else None,
            env=env,
        )
    OperationsStack(
        app,
        "ImagingOperations",
        configuration,
        data.archive,
        environment=pipeline.settings,
        queues=queues,
        dependencies=layers.common,
        env=env,
    )
    for stack in app.node.children:
        if isinstance(stack, Stack):
            stack.template_options.metadata = {"cfn-lint": {"config": {"ignore_checks": list(_LINT_IGNORES)}}}
    Tags.of(app).add("application", "imaging-ingestion")
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def _layers(configuration: Configuration) -> LayerFolders:
    if configuration.local:
        # The embedded AWS runs handlers on the virtual environment's interpreter, which has been
        # installed from these very pins: the layers hold their list alone.
        return LayerFolders(PINS, PINS)
    return layer_folders(Target(PYTHON_VERSION, "aarch64"))


def _puts_viewer(configuration: Configuration) -> bool:
    """Whether a deployment has the viewer in a bucket; locally the front door serves it from disk."""
    return configuration.viewer is not None and configuration.viewer.is_ohif and not configuration.local


def main() -> None:
    """Synthesise the deployment that the context describes."""
    try:
        configuration = Configuration.of(context(os.environ).get("imaging"), os.environ)
        app = build_app(configuration, os.environ.get("CDK_OUTDIR", "cdk.out"))
    except (ConfigurationError, LayerError, PackageError) as wrong:
        sys.exit(str(wrong))
    app.synth()


if __name__ == "__main__":
    main()
