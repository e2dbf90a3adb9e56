"""The dependency layer, built for this machine: every function starts with it and our own layer alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.dependencies import Target, dependency_layer, size_bytes

ROOT = Path(__file__).parents[2]
HANDLERS = sorted(ROOT.glob("functions/*/handler.py"))
LAMBDA_TAKES_BYTES = 250 * 1024 * 1024


@pytest.fixture(scope="session")
def layer() -> Path:
    return dependency_layer(Target.this_machine())


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda path: path.parent.name)
def test_every_handler_can_be_imported_where_lambda_runs_it(layer, handler):
    imported = import_alone("import handler; handler.lambda_handler", handler.parent, layer)

    assert imported.returncode == 0, imported.stderr


def test_the_dimse_endpoint_can_be_imported_where_fargate_runs_it(layer):
    imported = import_alone("import functions.dimse.__main__", ROOT, layer)

    assert imported.returncode == 0, imported.stderr


def import_alone(statement: str, folder: Path, layer: Path) -> subprocess.CompletedProcess[str]:
    """Import with both layers and one folder, without the site packages of this environment."""
    folders = [str(folder), str(layer / "python"), str(ROOT / "layers" / "imaging" / "python")]
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {folders!r}; {statement}"],
        # Enough of Lambda's environment for Powertools to believe it is there.
        env={
            "PATH": os.environ["PATH"],
            "AWS_REGION": "us-east-1",
            "LAMBDA_TASK_ROOT": str(folder),
            "AWS_LAMBDA_FUNCTION_NAME": "imported",
            "POWERTOOLS_METRICS_NAMESPACE": "ImagingIngestion",
            "POWERTOOLS_SERVICE_NAME": folder.name,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_process_of_the_templates_has_a_handler(full):
    processes = {
        function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
        for function in full.properties("AWS::Lambda::Function").values()
    }

    assert processes == {handler.parent.name for handler in HANDLERS}


def test_both_layers_fit_into_lambda(layer):
    assert size_bytes(layer) + size_bytes(ROOT / "layers" / "imaging") < LAMBDA_TAKES_BYTES


def test_is_built_once(layer, monkeypatch):
    monkeypatch.setattr(subprocess, "run", None)

    assert dependency_layer(Target.this_machine()) == layer


def test_is_built_of_wheels_for_the_processor_of_the_functions():
    assert Target("3.14", "manylinux2014_aarch64").pip_options == [
        "--platform",
        "manylinux2014_aarch64",
        "--implementation",
        "cp",
        "--python-version",
        "3.14",
        "--only-binary=:all:",
    ]
