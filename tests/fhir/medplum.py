"""The FHIR server of the local run, for tests that have nothing else of the system."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local import fhir_process
from infra.local.ports import any_free_port
from infra.local.settings import Settings


@contextmanager
def medplum(folder: Path) -> Iterator[str]:
    """The address of Medplum's FHIR server, which validates whatever is written; it keeps its state in `folder`."""
    port = any_free_port()
    settings = Settings.of({**os.environ, "PORT": str(port), "STATE_DIR": str(folder)})
    fhir_process.prepare(folder / "npm.txt")
    process = fhir_process.start(settings, port, folder / "log.txt")
    try:
        fhir_process.wait_ready(process, port)
        yield settings.fhir
    finally:
        process.stop()
