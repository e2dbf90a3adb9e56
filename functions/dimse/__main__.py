"""The DIMSE endpoint as a process: `python -m functions.dimse`."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping

from aws_lambda_powertools import Logger

from functions.dimse.journal import StructuredJournal
from imaging import bootstrap
from imaging.dimse.server import DimseServer
from imaging.pipeline.hint_release import HintRelease
from imaging.pipeline.store_instance import StoreInstance
from imaging.settings import MissingSetting, Settings


def serve(
    environment: Mapping[str, str],
    compose: Callable[[Mapping[str, str]], StoreInstance],
    compose_hint: Callable[[Mapping[str, str]], HintRelease | None] = lambda _: None,
) -> int:
    """Serve until SIGTERM or SIGINT, let the running associations finish, and return the exit code."""
    logger = Logger()
    settings = Settings(environment)
    threading.excepthook = lambda failure: logger.error("A thread failed", failure=failure.exc_type.__name__)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        server = DimseServer(
            (settings["DIMSE_BIND_ADDRESS"], int(settings["DIMSE_PORT"])),
            {space.ae_title: space.name for space in settings.spaces.values()},
            compose(environment),
            StructuredJournal(logger),
            max_associations=int(settings.get("DIMSE_MAX_ASSOCIATIONS", "32")),
            max_object_bytes=int(settings.get("DIMSE_MAX_OBJECT_BYTES", str(1024**3))),
            hint_release=compose_hint(environment),
        )
    except MissingSetting as missing:
        return _complain(str(missing))
    except OSError as refused:
        return _complain(
            f"Port {settings['DIMSE_PORT']} cannot be used ({refused.strerror}); set DIMSE_PORT to another."
        )
    server.start()
    logger.info("Listening for DICOM associations", port=server.port)
    stopping.wait()
    server.drain(float(settings.get("DIMSE_STOP_SECONDS", "110")))
    return 0


def _complain(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(serve(os.environ, bootstrap.store_instance, bootstrap.hint_release))
