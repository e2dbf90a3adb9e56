"""The Lambda layers: what others wrote, and what we wrote."""

from pathlib import Path

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.dependencies import ROOT

CACHES = ["**/__pycache__", "**/*.pyc", "**/.*_cache"]
PYTHON_VERSION = "3.14"
RUNTIME = lambda_.Runtime.PYTHON_3_14
ARCHITECTURE = lambda_.Architecture.ARM_64


class Layers(Construct):
    """The layers of every function, made anew in every stack.

    A layer version never changes, only follows another; shared between stacks
    it would be an export that cannot be updated while it is imported. The
    assets behind them are uploaded once.

    Parameters
    ----------
    dependencies
        A folder with ``python/`` as the layer shall have it.
    """

    def __init__(self, scope: Construct, name: str, *, dependencies: Path) -> None:
        super().__init__(scope, name)
        self.versions = [
            _version(self, "Dependencies", dependencies, "Third-party packages, as layers/dependencies pins them."),
            _version(self, "Imaging", ROOT / "layers" / "imaging", "The package imaging."),
        ]


def pixel_layer(scope: Construct, name: str, folder: Path) -> lambda_.LayerVersion:
    """Make the layer of what decodes, encodes and draws pixels."""
    return _version(scope, name, folder, "What imaging.pixels runs on, as layers/dependencies/pixels.txt pins it.")


def _version(scope: Construct, name: str, folder: Path, description: str) -> lambda_.LayerVersion:
    return lambda_.LayerVersion(
        scope,
        name,
        code=lambda_.Code.from_asset(str(folder), exclude=CACHES),
        compatible_runtimes=[RUNTIME],
        compatible_architectures=[ARCHITECTURE],
        description=description,
    )
