"""The DIMSE process over objects in memory, which says on its standard output what it stores.

`HOLD_SECONDS` makes every store take so long.
"""

import os
import sys
import time

from functions.dimse.__main__ import serve
from imaging.pipeline.store_instance import StoreInstance
from tests.fakes import Clock, InMemoryObjects
from tests.unit.dimse.endpoint import SPACES


def tell(line: str) -> None:
    """In one write, beside the log."""
    sys.stdout.write(line)
    sys.stdout.flush()


class TellingObjects(InMemoryObjects):
    """Objects in memory that are slow, and tell of each."""

    def put_if_absent(self, space, object_key, body, *, metadata, content_type):
        tell(f"STORING {space} {object_key}\n")
        time.sleep(float(os.environ.get("HOLD_SECONDS", "0")))
        version = super().put_if_absent(space, object_key, body, metadata=metadata, content_type=content_type)
        tell(f"STORED {space} {object_key}\n")
        return version


if __name__ == "__main__":
    sys.exit(serve(os.environ, lambda _: StoreInstance(TellingObjects(SPACES), SPACES, Clock())))
