"""Functions that start soon, answer at once and leave the machine some air.

MiniStack unpacks every layer anew for each execution environment, so that
Python compiles its modules each time, and waits 50 ms after each call for a
line of log that may not come. Here a layer is unpacked once.

Each concurrent call takes a process of its own, and MiniStack starts as many
as there are calls. Here a call waits for one of a few.
"""

import hashlib
import io
import os
import shutil
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

LAYER_FOLDERS = "_LAMBDA_LAYERS_DIRS"  # what MiniStack's worker script reads
PROCESSES_PER_FUNCTION = max(2, os.cpu_count() or 2)
FIRST_LOG_LINE_SECONDS, QUIET_SECONDS, LONGEST_SECONDS = 0.004, 0.002, 0.25


def install(layers: Path) -> None:
    """Change how execution environments start.

    Parameters
    ----------
    layers
        The folder where unpacked layers are kept, also between runs.
    """
    _start_quickly(lambda_runtime.Worker, layers)
    _limit_processes()


def _start_quickly(worker: type[lambda_runtime.Worker], layers: Path) -> None:
    spawn = worker._spawn

    def spawn_with_unpacked_layers(self: lambda_runtime.Worker) -> None:
        configuration = self.config
        folders = os.pathsep.join(str(unpacked(layer, layers)) for layer in configuration.get("Layers", []))
        variables = configuration.get("Environment", {}).get("Variables", {}) | {LAYER_FOLDERS: folders}
        self.config = configuration | {"Layers": [], "Environment": {"Variables": variables}}
        try:
            spawn(self)
        finally:
            self.config = configuration

    worker._spawn = spawn_with_unpacked_layers
    worker._drain_stderr_bounded.__defaults__ = (FIRST_LOG_LINE_SECONDS, QUIET_SECONDS, LONGEST_SECONDS)


def _limit_processes() -> None:
    execute, queue_concurrency = lambda_svc._execute_function_warm, lambda_svc._sqs_esm_concurrency
    places: dict[str, threading.BoundedSemaphore] = {}

    def execute_when_there_is_room(function: dict[str, Any], *call: object) -> dict[str, Any]:
        name = function.get("config", function)["FunctionName"]
        with places.setdefault(name, threading.BoundedSemaphore(PROCESSES_PER_FUNCTION)):
            result: dict[str, Any] = execute(function, *call)
        return result

    lambda_svc._execute_function_warm = execute_when_there_is_room
    lambda_svc._sqs_esm_concurrency = lambda *mapping: min(queue_concurrency(*mapping), PROCESSES_PER_FUNCTION)


def unpacked(layer: str | dict[str, str], layers: Path) -> Path:
    """The folder with a layer's content; made if it is the first time."""
    content: bytes = lambda_svc._resolve_layer_zip(layer)
    folder = layers / hashlib.sha256(content).hexdigest()[:32]
    if folder.exists():
        return folder
    layers.mkdir(exist_ok=True)
    unfinished = Path(tempfile.mkdtemp())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(unfinished)
    try:
        unfinished.rename(folder)
    except OSError:  # another environment was quicker
        shutil.rmtree(unfinished)
    return folder
