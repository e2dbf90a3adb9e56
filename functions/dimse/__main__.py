"""The DIMSE endpoint as a process: `python -m functions.dimse`."""

import os
import sys
from collections.abc import Mapping
from functools import partial

from aws_lambda_powertools import Logger

from functions.dimse.journal import StructuredJournal
from functions.dimse.supervisor import Supervisor
from functions.dimse.worker import Compose, Shared, Watch, work
from imaging import bootstrap
from imaging.dimse.association_limit import AssociationLimit
from imaging.dimse.configured_peers import configured_peers
from imaging.dimse.connection_server import Listening, bound_to
from imaging.settings import MissingSetting, Settings, WrongSetting

_TELL_SECONDS = 60.0


def serve(environment: Mapping[str, str], compose: Compose, tell_seconds: float = _TELL_SECONDS) -> int:
    """Serve until SIGTERM or SIGINT, let the running associations finish, and return the exit code.

    Nothing here starts a thread or opens a connection: processes are forked from this one.
    """
    settings = Settings(environment)
    workers = int(settings.get("DIMSE_WORKERS", "0")) or _processors()
    try:
        settings["POWERTOOLS_METRICS_NAMESPACE"]  # no line that is a metric could be written without it
        shared = Shared(
            {"PIXEL_WORKERS": "1", **environment},  # there are as many workers as processors
            compose,
            configured_peers(settings),
            _bind(settings, "DIMSE_PORT"),
            _bind(settings, "DIMSE_TLS_PORT") if settings.get("DIMSE_TLS_PORT") else None,
            AssociationLimit(int(settings.get("DIMSE_MAX_ASSOCIATIONS", "32")), workers),
            workers,
            stop_seconds=float(settings.get("DIMSE_STOP_SECONDS", "110")),
        )
    except (MissingSetting, WrongSetting) as wrong:
        print(wrong, file=sys.stderr)
        return 1
    supervisor = Supervisor(
        workers,
        partial(work, shared),
        Watch(shared, StructuredJournal(Logger())),
        stop_seconds=shared.stop_seconds,
        tell_seconds=tell_seconds,
    )
    return supervisor.run()


def _bind(settings: Settings, port: str) -> Listening:
    try:
        return bound_to((settings["DIMSE_BIND_ADDRESS"], int(settings[port])))
    except OSError as refused:
        reason = os.strerror(refused.errno) if refused.errno else str(refused)
        raise WrongSetting(f"Port {settings[port]} cannot be used ({reason}); set {port} to another.") from None


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    sys.exit(serve(os.environ, bootstrap.dimse_serving))
