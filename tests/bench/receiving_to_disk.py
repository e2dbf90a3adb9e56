"""`python -m tests.bench.receiving_to_disk`: our DIMSE process with a folder where S3 would be.

What it shows is the receiving path alone: from the association to the port that stores, without what stands behind.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from pynetdicom.dimse_primitives import C_ECHO, C_STORE

from functions.dimse.__main__ import serve
from functions.dimse.journal import StructuredJournal
from imaging.bootstrap import DimseServing
from imaging.dimse.accepted_association import Served
from imaging.dimse.c_echo import VERIFICATION, CEcho
from imaging.dimse.c_store import CStore
from imaging.dimse.peers import Peers
from imaging.pipeline.store_instance import StoreInstance
from imaging.settings import Settings, Space

_LARGEST_BYTES = 1024**3


class DiskObjects:
    """As much of `imaging.ports.objects.ObjectStore` as a store of what nobody has takes; a bucket is a folder."""

    def __init__(self, spaces: Mapping[str, Space]) -> None:
        self._spaces = spaces

    def put_if_absent(
        self, space: str, object_key: str, body: bytes | BinaryIO, *, metadata: Mapping[str, str], content_type: str
    ) -> str | None:
        """Write unless the key is taken; other receivers of the bench do not wait for the disk either."""
        folder = Path(self._spaces[space].bucket)
        path = folder / object_key
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            if isinstance(body, bytes):
                file.write(body)
            else:
                body.seek(0)
                shutil.copyfileobj(body, file, 1024 * 1024)
            file.flush()
            try:
                os.link(file.name, path)
            except FileExistsError:
                return None
        return "1"


def serving(environment: Mapping[str, str], _peers: Peers, journal: StructuredJournal, _: object) -> DimseServing:
    """C-ECHO and C-STORE, the use case on the folder."""
    spaces = Settings(environment).spaces
    store_instance = StoreInstance(DiskObjects(spaces), spaces, lambda: datetime.now(UTC))
    services = {
        C_ECHO: Served(CEcho(), frozenset({VERIFICATION})),
        C_STORE: Served(CStore(store_instance, journal, _LARGEST_BYTES)),
    }
    return DimseServing(services)


if __name__ == "__main__":
    sys.exit(serve(os.environ, serving))
