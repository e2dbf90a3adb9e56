"""S3 objects made whole after a crash, before MiniStack reads its folder.

MiniStack writes an object's data, then beside it a sidecar with its metadata
(``<key>.meta.json``), and answers. A crash in between leaves data that nobody
was told about; served with the old sidecar, its checksum would not match. What
a put replaces lies under ``.versions/<account>/<bucket>/<version id>/<key>``.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

SIDECAR = ".meta.json"
VERSIONS = ".versions"


def repair(root: Path) -> int:
    """Undo every put that was never acknowledged.

    Parameters
    ----------
    root
        S3_DATA_DIR: ``<account>/<bucket>/<key>``.

    Returns
    -------
    int
        How many files were removed or restored.
    """
    return sum(_repair_file(root, file) for file in list(_files(root)))


def _files(root: Path) -> Iterator[Path]:
    for folder, subfolders, names in os.walk(root):
        if Path(folder) == root and VERSIONS in subfolders:
            subfolders.remove(VERSIONS)
        yield from (Path(folder, name) for name in names)


def _repair_file(root: Path, file: Path) -> bool:
    if file.name.endswith(SIDECAR):
        return False
    sidecar = file.with_name(file.name + SIDECAR)
    if not sidecar.exists():  # half written ``.tmp`` files have none either
        file.unlink()
        return True
    metadata = json.loads(sidecar.read_text())
    if metadata.get("is_delete_marker"):
        return False  # the data under a marker is not served
    data = file.stat()
    if data.st_mtime_ns <= sidecar.stat().st_mtime_ns and data.st_size == metadata.get("size", data.st_size):
        return False
    account, bucket, *key = file.relative_to(root).parts
    kept = root.joinpath(VERSIONS, account, bucket, metadata.get("version_id") or "null", *key)
    if kept.exists():
        kept.replace(file)
        os.utime(sidecar)
        return True
    return False
