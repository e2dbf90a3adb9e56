"""The layers, built for this machine: every function starts with them alone, and pixels are worked on with one more."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra.dependencies import LayerFolders, Target, layer_folders, size_bytes

ROOT = Path(__file__).parents[2]
HANDLERS = sorted(ROOT.glob("functions/*/handler.py"))
LAMBDA_TAKES_BYTES = 250 * 1024 * 1024


@pytest.fixture(scope="session")
def folders() -> LayerFolders:
    return layer_folders(Target.this_machine())


@pytest.fixture(scope="session")
def layer(folders: LayerFolders) -> Path:
    return folders.common


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda path: path.parent.name)
def test_every_handler_can_be_imported_where_lambda_runs_it(layer, handler):
    imported = import_alone("import handler; handler.lambda_handler", handler.parent, layer)

    assert imported.returncode == 0, imported.stderr


def test_the_dimse_endpoint_can_be_imported_where_fargate_runs_it(layer):
    imported = import_alone("import functions.dimse.__main__", ROOT, layer)

    assert imported.returncode == 0, imported.stderr


def test_pixels_can_be_worked_on_with_the_layer_of_search_retrieve(folders):
    decoders = (
        "from pydicom import uid; from pydicom.pixels import get_decoder; "
        "decoders = [get_decoder(getattr(uid, name)) for name in "
        "('RLELossless', 'JPEGBaseline8Bit', 'JPEGLSLossless', 'JPEG2000Lossless', 'HTJ2K')]; "
        "assert all(any(name.startswith('pylibjpeg') for name in each.available_plugins) for each in decoders)"
    )
    imported = import_alone(f"import imaging.pixels.worker; {decoders}", ROOT, folders.common, folders.pixels)

    assert imported.returncode == 0, imported.stderr


def import_alone(statement: str, folder: Path, *layers: Path) -> subprocess.CompletedProcess[str]:
    """Import with the layers, our own and one folder, without the site packages of this environment."""
    folders = [str(folder), *(str(layer / "python") for layer in layers), str(ROOT / "layers" / "imaging" / "python")]
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
    # Those of bindings are called after theirs, and all have the same handler.
    processes = {name.partition("-")[0] for name in full.processes}

    assert processes == {handler.parent.name for handler in HANDLERS}


def test_all_layers_fit_into_lambda_together(folders):
    ours = ROOT / "layers" / "imaging"

    assert sum(map(size_bytes, (folders.common, folders.pixels, ours))) < LAMBDA_TAKES_BYTES


def test_no_package_lies_in_both_layers(folders):
    names = [{path.name for path in (each / "python").iterdir()} for each in (folders.common, folders.pixels)]

    assert not names[0] & names[1]


def test_are_built_once(folders, monkeypatch):
    monkeypatch.setattr(subprocess, "run", None)

    assert layer_folders(Target.this_machine()) == folders


def test_is_built_of_wheels_for_the_processor_of_the_functions():
    options = Target("3.14", "aarch64").pip_options

    platforms = [value for option, value in itertools.pairwise(options) if option == "--platform"]
    assert platforms
    assert all(re.fullmatch("manylinux_2_[0-9]+_aarch64", platform) for platform in platforms)
    assert options[-5:] == ["--implementation", "cp", "--python-version", "3.14", "--only-binary=:all:"]
