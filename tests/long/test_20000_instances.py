"""A study of 20,000 instances in 300 series: what writing its rows costs, and that a function can finalize it.

The finalizer and the reader are processes of their own, composed as in their
functions, so that their memory and time are their own too.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from pydicom.data import get_testdata_file

from imaging.aws import clients
from imaging.aws.dynamodb_index import DynamoDbInstanceIndex
from imaging.aws.dynamodb_table import ManifestTable
from imaging.dicom.byte_source import BytesSource
from imaging.dicom.header import read_header
from imaging.dicom.json_model import to_dicom_json
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Action
from imaging.pipeline.index_instance import instance_of, keep_metadata
from imaging.ports.manifest import Change
from imaging.ports.objects import StoredObject
from tests.fakes import InMemoryObjects
from tests.instances import stored_metadata
from tests.manifest_table import create_manifest_table

SERIES = 300
INSTANCES = 20_000
A_BATCH = 20  # of index_instance, infra/stacks/pipeline.py
LAMBDA_SECONDS = 120
LAMBDA_MIB = 2048
AWS_SECONDS_A_CALL = 0.03  # generously, and as if they came one after the other
WRITE_UNITS_OF_A_PARTITION = 1_000  # a second, DynamoDB's limit
INSTANCES_A_SECOND = 200  # ten indexers that take a batch a second

FINALIZE = """
import json, os, resource, sys, time
from imaging import bootstrap
from imaging.model.identifiers import StudyKey
from collections import Counter
from imaging.aws.clients import client
calls = Counter()
for service in ("s3", "dynamodb"):
    client(service).meta.events.register("before-call", lambda model, **_: calls.update([model.name]))
finalize = bootstrap.finalize_study(os.environ)
began = time.monotonic()
outcome = finalize(StudyKey("main", sys.argv[1]))
seconds = time.monotonic() - began
used = resource.getrusage(resource.RUSAGE_SELF)
processor_seconds, mib = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
print(json.dumps({"outcome": outcome.value, "seconds": seconds, "processor_seconds": processor_seconds, "mib": mib,
    "calls": calls}))
"""
READ = """
import json, os, resource, sys, time
from urllib.parse import parse_qsl
from imaging import bootstrap
from imaging.dicomweb.message import Request
read = bootstrap.search_retrieve(os.environ)
path, shown, slowest, largest, pages = f"/spaces/main/studies/{sys.argv[1]}/revisions/1", 0, 0.0, 0, 0
began = time.monotonic()
history = read(Request(path.rpartition("/")[0], (("limit", "1"),), {"accept-encoding": "gzip"}))
assert history.status == 200, history.body
history_seconds = time.monotonic() - began
whole = read(Request(path))
query = [("limit", "1000")]
while query:
    began = time.monotonic()
    answer = read(Request(path, query))
    slowest, largest, pages = max(slowest, time.monotonic() - began), max(largest, len(answer.body)), pages + 1
    document = json.loads(answer.body)
    shown += sum(len(series["instances"]) for series in document["hierarchy"])
    query = parse_qsl(answer.headers["Link"].partition("?")[2].partition(">")[0]) if "Link" in answer.headers else []
mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"whole": whole.status, "sentence": whole.body[:300].decode(), "shown": shown, "pages": pages,
    "slowest_seconds": slowest, "largest_bytes": largest, "history_seconds": history_seconds, "mib": mib}))
"""


@pytest.mark.timeout(3_600)
def test_a_study_of_20000_instances_in_300_series_is_finalized_in_time_and_read_page_by_page(
    embedded_aws, record_property
):
    # Given its objects and its rows
    clients.made.cache_clear()
    bucket, table = f"space-{uuid4().hex}", f"manifest-{uuid4().hex}"
    create_manifest_table(table)
    boto3.client("s3").create_bucket(Bucket=bucket)
    boto3.client("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    keys = study()
    versions = put_objects(bucket, keys)
    with written_units() as units:
        fill_rows(ManifestTable(table), keys, versions)
    report = rates(units, record_property)
    assert max(report.values()) * INSTANCES_A_SECOND < WRITE_UNITS_OF_A_PARTITION

    # When it is finalized as in its function
    environment = {
        **os.environ,
        "SPACES": json.dumps([{"name": "main", "bucket": bucket, "ae_title": "MAIN"}]),
        "MANIFEST_TABLE": table,
        "QUIET_SECONDS": "0",
        "STUDY_TIMER_ARN": "arn:aws:states:us-east-1:000000000000:stateMachine:none",
        "PUBLIC_BASE_ADDRESS": "https://imaging.example.org",
    }
    finalized = run(FINALIZE, environment, keys[0].study_instance_uid)
    print(finalized)
    record_property("finalize", finalized)

    # Then that fits the function, twice over
    assert finalized["outcome"] == "revised"
    # By its own time, and by what its calls would take: the embedded AWS shares the processors of this machine.
    assert finalized["processor_seconds"] + AWS_SECONDS_A_CALL * sum(finalized["calls"].values()) < LAMBDA_SECONDS
    assert finalized["mib"] < LAMBDA_MIB

    # and its revision is read page by page, none too large for one answer.
    read = run(READ, environment, keys[0].study_instance_uid)
    print(read)
    record_property("read", read)
    assert read["whole"] == 413
    assert "limit=" in read["sentence"]
    assert (read["shown"], read["pages"]) == (INSTANCES, 20)
    clients.made.cache_clear()


def study() -> list[InstanceKey]:
    uid = f"2.25.{uuid4().int}"
    return [
        InstanceKey("main", uid, f"{uid}.{number % SERIES}", f"{uid}.{number % SERIES}.{number}")
        for number in range(INSTANCES)
    ]


def put_objects(bucket: str, keys: list[InstanceKey]) -> dict[InstanceKey, str]:
    """Small ones: nobody looks into them any more."""
    s3 = clients.client("s3")

    def put(key: InstanceKey) -> str:
        return s3.put_object(Bucket=bucket, Key=key.object_key, Body=b"indexed")["VersionId"]

    with ThreadPoolExecutor(8) as pool:
        return dict(zip(keys, pool.map(put, keys), strict=True))


def fill_rows(table: ManifestTable, keys: list[InstanceKey], versions: dict[InstanceKey, str]) -> None:
    """As indexing does, in batches of as many as one function takes, each of a series as a scanner sends them."""
    part10 = Path(str(get_testdata_file("CT_small.dcm"))).read_bytes()
    header = read_header(BytesSource(part10))
    metadata = dict(to_dicom_json(header))
    objects, index = InMemoryObjects(("main",)), DynamoDbInstanceIndex(table)

    def change(key: InstanceKey) -> Change:
        uids = {"0020000D": key.study_instance_uid, "0020000E": key.series_instance_uid}
        uids["00080018"] = key.sop_instance_uid
        own = {**metadata, **{tag: {"vr": "UI", "Value": [uid]} for tag, uid in uids.items()}}
        at = datetime.now(UTC) - timedelta(seconds=5)
        stored = StoredObject(versions[key], '"etag"', len(part10), at, stored_metadata(part10, at))
        instance = replace(instance_of(key, header, stored, own, 1, Action.CREATE), pixel_layout=bytes(40))
        return Change(None, instance, keep_metadata(objects, instance, own))

    ordered = sorted(keys)
    for start in range(0, len(ordered), A_BATCH):
        changes = [change(key) for key in ordered[start : start + A_BATCH]]
        assert index.record_changes(changes, datetime.now(UTC)) == []


class written_units:  # noqa: N801 - used as a function
    """Write units by partition, as DynamoDB counts them: a KB each, twice that in a transaction."""

    def __enter__(self) -> Counter[str]:
        self.units: Counter[str] = Counter()
        client = clients.client("dynamodb")
        client.meta.events.register("before-parameter-build.dynamodb.TransactWriteItems", self._transaction)
        client.meta.events.register("before-parameter-build.dynamodb.BatchWriteItem", self._batch)
        return self.units

    def __exit__(self, *_: object) -> None:
        events = clients.client("dynamodb").meta.events
        events.unregister("before-parameter-build.dynamodb.TransactWriteItems", self._transaction)
        events.unregister("before-parameter-build.dynamodb.BatchWriteItem", self._batch)

    def _transaction(self, params: dict[str, Any], **_: object) -> None:
        for action in params["TransactItems"]:
            ((_, body),) = action.items()
            key, written = body.get("Key") or body["Item"], body.get("Item") or body.get("ExpressionAttributeValues")
            self.units[key["pk"]["S"]] += 2 * _units(key, written)

    def _batch(self, params: dict[str, Any], **_: object) -> None:
        for requests in params["RequestItems"].values():
            for request in requests:
                item = request["PutRequest"]["Item"]
                self.units[item["pk"]["S"]] += _units({}, item)


def _units(*parts: dict[str, Any]) -> int:
    def size(value: Any) -> int:
        ((kind, content),) = value.items()
        if kind == "M":
            return sum(len(name) + size(inner) for name, inner in content.items())
        if kind == "L":
            return sum(map(size, content))
        return sum(map(len, content)) if kind == "SS" else len(str(content) if kind == "N" else content)

    return -(-sum(len(name) + size(value) for part in parts for name, value in part.items()) // 1024)


def rates(units: Counter[str], record_property: Any) -> dict[str, float]:
    """Write units per instance of the busiest partition of each kind."""
    busiest: dict[str, float] = {}
    for partition, written in units.items():
        kind = partition.partition("#")[0]
        busiest[kind] = max(busiest.get(kind, 0), written / INSTANCES)
    print({kind: f"{rate:.2f} write units an instance in the busiest partition" for kind, rate in busiest.items()})
    record_property("write_units", busiest)
    return busiest


def run(program: str, environment: dict[str, str], study_instance_uid: str) -> dict[str, Any]:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program, study_instance_uid],
        env=environment,
        capture_output=True,
        text=True,
        timeout=1_200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    print(f"{time.monotonic() - began:.1f} s with the start of the process")
    return json.loads(done.stdout.splitlines()[-1])
