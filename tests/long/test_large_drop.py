"""A 2 GB object dropped into incoming/ is stored in constant memory."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from struct import pack

import boto3
import pytest

from imaging.aws import clients
from infra.local.embedded_aws.process import EmbeddedAws
from tests.flow.running_system import ROOT
from tests.space_without_triggers import SpaceWithoutTriggers
from tests.unit.dicom.files import identifiers, part10

PIXEL_BYTES = 2_000_000_000
MOST_RESIDENT_BYTES = 300_000_000
DROP = """
import json, os, resource, sys, time
from imaging import bootstrap
drop = bootstrap.store_drop(os.environ).store
began = time.monotonic()
stored = drop("main", sys.argv[1])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"outcome": stored.outcome, "seconds": time.monotonic() - began, "peak_bytes": peak}))
"""


@pytest.fixture
def space(embedded_aws: EmbeddedAws) -> Iterator[SpaceWithoutTriggers]:
    clients.made.cache_clear()
    yield SpaceWithoutTriggers()
    clients.made.cache_clear()


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("is_bare", [False, True], ids=["a whole file", "a bare data set"])
def test_two_gigabytes_are_dropped_in_constant_memory(
    space: SpaceWithoutTriggers, tmp_path: Path, is_bare: bool, record_property: object
) -> None:
    data_set = b"".join(identifiers()) + pack("<HH2s2xL", 0x7FE0, 0x0010, b"OW", PIXEL_BYTES)
    path, s3 = tmp_path / "large.dcm", boto3.client("s3")
    with path.open("wb") as file:
        file.write(data_set if is_bare else part10(data_set))
        file.truncate(file.tell() + PIXEL_BYTES)
    size_bytes = path.stat().st_size
    s3.upload_file(str(path), space.bucket, "incoming/large.dcm")
    path.unlink()

    finished = subprocess.run(
        [sys.executable, "-c", DROP, "incoming/large.dcm"],
        cwd=ROOT,
        env={**os.environ, **space.environment},
        capture_output=True,
        text=True,
        check=True,
    )

    measured = json.loads(finished.stdout)
    print(measured)
    assert measured["outcome"] == "created"
    assert measured["peak_bytes"] < MOST_RESIDENT_BYTES
    stored = s3.head_object(Bucket=space.bucket, Key="studies/1.2.1/series/1.2.2/instances/1.2.3.dcm")
    assert stored["ContentLength"] == size_bytes + (len(part10(b"")) if is_bare else 0)
    assert "Contents" not in s3.list_objects_v2(Bucket=space.bucket, Prefix="incoming/")
