"""`make run`: the whole system on this machine, until Ctrl-C or SIGTERM."""

import logging
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from infra.local.endpoints import addresses
from infra.local.failure import CannotRun
from infra.local.ports import require_free
from infra.local.progress import Progress
from infra.local.sample_tour import SampleTour
from infra.local.settings import Settings
from infra.local.state_directory import StateDirectory
from infra.local.system import System


class StopRequested(BaseException):
    """Somebody wants the run to end."""


def main() -> int:
    """Run until told to stop; 0 after a clean stop, 1 with a sentence if it could not start or go on."""
    _on_signals(_request_stop)
    progress = Progress()
    try:
        settings = Settings.of(os.environ)
        with StateDirectory(settings.state_dir) as state:
            require_free(settings, after_a_crash=state.after_a_crash)
            logging.basicConfig(filename=state.logs / "launcher.log", level=logging.WARNING)
            _run(settings, state, progress)
    except StopRequested:
        return 0
    except CannotRun as reason:
        print(reason, file=sys.stderr)
        return 1


def _run(settings: Settings, state: StateDirectory, progress: Progress) -> NoReturn:
    system = System(settings, state, progress)
    try:
        endpoints = system.start()
        progress.line(addresses(endpoints))
        if settings.sample:
            SampleTour(endpoints, settings.quiet_seconds, progress, has_viewer=system.has_viewer)()
        progress.line("The system is up. Ctrl-C stops it; what it has stored is there at the next start.")
        system.watch()
    finally:
        _on_signals(signal.SIG_IGN)  # nothing may interrupt the saving
        system.stop()


def _request_stop(_: int, __: FrameType | None) -> None:
    _on_signals(signal.SIG_IGN)
    raise StopRequested


def _on_signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, handler)


if __name__ == "__main__":
    sys.exit(main())
