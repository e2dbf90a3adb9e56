"""Makes the viewer's folder beside everything else that starts."""

import os
import sys
from pathlib import Path

from infra.config import Configuration
from infra.local.child import Child
from infra.local.failure import CannotRun
from infra.local.settings import Settings
from infra.local.synthesis import local_context
from infra.section import ConfigurationError
from infra.viewer.folder import RUNS_WITHOUT, planned
from infra.viewer.ohif import OHIF
from infra.viewer_config import ViewerConfiguration

FETCHING = f"fetching the viewer, OHIF {OHIF.version} (50 MB)"


def configured(settings: Settings) -> ViewerConfiguration | None:
    """What studies are opened with; None for nothing.

    Raises
    ------
    CannotRun
        For the first setting of the deployment that is wrong.
    """
    try:
        return Configuration.of(local_context(settings)["imaging"], {}).viewer
    except ConfigurationError as wrong:
        raise CannotRun(str(wrong)) from None


def start(log_file: Path) -> Child | None:
    """Begin to make the folder; None if it is there."""
    if planned().is_made:
        return None
    return Child("making of the viewer", [sys.executable, "-m", "infra.viewer"], os.environ, log_file)


def wait_until_made(making: Child) -> None:
    """Wait until the folder is there.

    Raises
    ------
    CannotRun
        If it could not be made.
    """
    if making.wait():
        *_, last = making.log_file.read_text(errors="replace").splitlines() or [""]
        log = f"{making.log_file} says more."
        raise CannotRun(f"{last} {log}" if last.endswith(RUNS_WITHOUT) else f"The viewer could not be made; {log}")
