"""The DIMSE process over objects in memory, which says on its standard output what it stores.

`HOLD_SECONDS` makes every store take so long; `TELL_SECONDS` is how often the supervisor says what it sees. Each
worker has objects of its own. `TLS_IDENTITY` and `TLS_CLIENT_CA` are files that hold what the secrets would.
With `PIXELS` each worker has a process for pixels, and the supervisor inherits those of dead ones as the first process
of a task does.
"""

import ctypes
import os
import sys
import threading
import time
from pathlib import Path

from pynetdicom.dimse_primitives import C_ECHO, C_STORE

from functions.dimse.__main__ import serve
from functions.dimse.journal import StructuredJournal
from imaging.bootstrap import DimseServing
from imaging.dimse.accepted_association import Served
from imaging.dimse.c_echo import VERIFICATION, CEcho
from imaging.dimse.c_store import CStore
from imaging.dimse.handshake import Handshake
from imaging.dimse.kept_tls import KeptTls
from imaging.dimse.tls import server_context
from imaging.pipeline.store_instance import StoreInstance
from imaging.pixels.worker_pool import WorkerPool
from imaging.settings import MissingSetting
from tests.fakes import Clock, InMemoryObjects
from tests.unit.dimse.endpoint import SPACES

_PR_SET_CHILD_SUBREAPER = 36  # <sys/prctl.h>


def tell(line: str) -> None:
    """In one write, beside the log."""
    os.write(1, line.encode())


class TellingObjects(InMemoryObjects):
    """Objects in memory that are slow, and tell of each."""

    def put_if_absent(self, space, object_key, body, *, metadata, content_type):
        tell(f"STORING {space} {object_key} {os.getpid()}\n")
        time.sleep(float(os.environ.get("HOLD_SECONDS", "0")))
        version = super().put_if_absent(space, object_key, body, metadata=metadata, content_type=content_type)
        tell(f"STORED {space} {object_key} {os.getpid()}\n")
        return version


def beside(stopping: threading.Event) -> None:
    """What runs beside the associations."""
    stopping.wait()
    tell(f"STOPPED {os.getpid()}\n")


class FileSecret:
    """A secret that is a file."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def text(self):
        return self._path.read_text()

    def forget(self):
        pass


def compose(environment, _peers, journal, _commitment_journal) -> DimseServing:
    """As `imaging.bootstrap.dimse_serving`, without AWS."""
    tell(f"COMPOSING {os.getpid()}\n")
    time.sleep(float(environment.get("COMPOSING_SECONDS", "0")))
    if environment.get("DIES"):
        os._exit(3)
    if environment.get("LACKS"):
        raise MissingSetting(f"{environment['LACKS']} is missing.")
    pixels = WorkerPool(1)
    if environment.get("PIXELS"):
        with pixels._worker() as worker:
            tell(f"PIXELS {os.getpid()} {worker.process_id}\n")
    store = StoreInstance(TellingObjects(SPACES), SPACES, Clock())
    secrets = [FileSecret(environment[name]) for name in ("TLS_IDENTITY", "TLS_CLIENT_CA") if environment.get(name)]
    return DimseServing(
        {C_ECHO: Served(CEcho(), frozenset({VERIFICATION})), C_STORE: Served(CStore(store, journal, 2**30))},
        secure=Handshake(KeptTls(server_context, secrets, journal.certificate_kept).context, journal),
        beside=(beside,),
        close=pixels.close,
    )


def in_flight_fails(_journal, _associations) -> None:
    """In place of the journal's."""
    raise OSError("It cannot be told.")


if __name__ == "__main__":
    if os.environ.get("PIXELS"):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if os.environ.get("IN_FLIGHT_FAILS"):
        StructuredJournal.in_flight = in_flight_fails
    sys.exit(serve(os.environ, compose, float(os.environ.get("TELL_SECONDS", "60"))))
