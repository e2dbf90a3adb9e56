"""The DIMSE process over objects in memory, which says on its standard output what it stores.

`HOLD_SECONDS` makes every store take so long.
"""

import os
import sys
import time

from functions.dimse.__main__ import serve
from imaging.pipeline.store_instance import StoreInstance
from tests.unit.dimse.endpoint import EPOCH, SPACES, ObjectsInMemory


class TellingObjects(ObjectsInMemory):
    """Objects in memory that are slow, and tell of each."""

    def put_if_absent(self, space, object_key, body, *, metadata, content_type):
        sys.stdout.write(f"STORING {space} {object_key}\n")
        sys.stdout.flush()
        time.sleep(float(os.environ.get("HOLD_SECONDS", "0")))
        version = super().put_if_absent(space, object_key, body, metadata=metadata, content_type=content_type)
        sys.stdout.write(f"STORED {space} {object_key}\n")
        return version


if __name__ == "__main__":
    sys.exit(serve(os.environ, lambda _: StoreInstance(TellingObjects(), SPACES, lambda: EPOCH)))
