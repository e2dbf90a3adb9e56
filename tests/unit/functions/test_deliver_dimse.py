"""The process that delivers to DIMSE nodes: the real one, from its queue to DCMTK's storescp."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import boto3
import pytest
from pydicom.uid import generate_uid

from functions.deliver_dimse.__main__ import serve
from imaging import bootstrap
from imaging.aws import clients
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Door
from tests.instances import data_set_of, part10_instance
from tests.manifest_table import create_manifest_table
from tests.unit.dimse.nodes import storescp

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def environment(embedded_aws, tmp_path):
    """What the stack sets, of a deployment that has just what the process needs."""
    clients.made.cache_clear()
    table, bucket = f"manifest-{uuid4().hex}", f"main-{uuid4().hex}"
    create_manifest_table(table)
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    space = {"name": "main", "bucket": bucket, "ae_title": "MAIN"}
    yield {
        **os.environ,
        "SPACES": json.dumps([space]),
        "MANIFEST_TABLE": table,
        "PUBLIC_BASE_ADDRESS": "https://imaging.example.org",
        "POWERTOOLS_SERVICE_NAME": "deliver_dimse",
        "POWERTOOLS_METRICS_NAMESPACE": "ImagingIngestion",
    }
    clients.made.cache_clear()


def queue():
    return boto3.client("sqs").create_queue(QueueName=uuid4().hex, Attributes={"VisibilityTimeout": "1200"})["QueueUrl"]


def binding(name, node):
    return {
        "name": name,
        "on": "instance",
        "target": {
            "dimse": {
                "host": node.host,
                "port": node.port,
                "called_ae_title": node.called_ae_title,
                "calling_ae_title": node.calling_ae_title,
            }
        },
        "concurrency": 1,
        "queue_url": queue(),
        "dead_letter_queue_url": queue(),
    }


def stored(environment, **attributes):
    """Stored and indexed as by the stages before; the event of it."""
    key = InstanceKey("main", "1.2", "1.2.3", generate_uid())
    content = part10_instance(key, **attributes)
    bootstrap.store_instance(environment)("main", content, door=Door.STOW_RS)
    assert bootstrap.index_instance(environment).index([key]) == {}
    detail = {
        "space": "main",
        "study": key.study_instance_uid,
        "series": key.series_instance_uid,
        "instance": key.sop_instance_uid,
        "change_number": 1,
    }
    return content, json.dumps({"source": "imaging", "detail-type": "Instance Stored", "detail": detail})


def left(queue_url):
    """How many messages a queue holds, visible or not."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = boto3.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(map(int, found.values()))


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_each_node_gets_what_its_queue_says_and_one_that_is_down_delays_no_other(environment, tmp_path):
    sqs = boto3.client("sqs")
    with storescp(tmp_path) as node:
        up, down = (
            binding("to-archive", node),
            binding("to-nowhere", type(node)(node.host, 1, "NODE", "IMAGING")),
        )
        events = [stored(environment, PatientID=f"PID-{number}") for number in range(3)]
        _, odd = stored(environment, SOPClassUID="1.2.3.4", PatientName="Doe^Jane")
        for _, event in events:
            for one in (up, down):
                sqs.send_message(QueueUrl=one["queue_url"], MessageBody=event)
        sqs.send_message(QueueUrl=up["queue_url"], MessageBody=odd)
        with subprocess.Popen(
            [sys.executable, "-m", "functions.deliver_dimse"],
            cwd=REPOSITORY,
            env={**environment, "BINDINGS": json.dumps([down, up])},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                until(lambda: left(up["queue_url"]) == 0)
                until(lambda: left(up["dead_letter_queue_url"]) == 1)
            finally:
                process.send_signal(signal.SIGTERM)
                log, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert sorted(data_set_of(path.read_bytes()) for path in tmp_path.iterdir()) == sorted(
        data_set_of(content) for content, _ in events
    )
    assert left(down["queue_url"]) == 3  # they come back later
    (dead,) = sqs.receive_message(QueueUrl=up["dead_letter_queue_url"], MessageAttributeNames=["All"])["Messages"]
    assert "does not accept SOP Class 1.2.3.4" in dead["MessageAttributes"]["reason"]["StringValue"]
    assert "Doe" not in log
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert sum(line["Delivered"][0] for line in lines if line.get("binding") == "to-archive") == 3
    assert {"retrying", "refused"} <= {line.get("kind") for line in lines}


@pytest.mark.parametrize("missing", ["BINDINGS", "SPACES", "MANIFEST_TABLE"])
def test_a_setting_that_is_missing_is_named(missing, capsys):
    binding = {
        "name": "to-node",
        "on": "instance",
        "target": {"dimse": {"host": "node", "port": 104, "called_ae_title": "A", "calling_ae_title": "B"}},
        "concurrency": 1,
        "queue_url": "https://queue",
        "dead_letter_queue_url": "https://dead-letters",
    }
    settings = {"SPACES": "[]", "MANIFEST_TABLE": "manifest", "BINDINGS": json.dumps([binding])}
    del settings[missing]
    assert serve(settings, bootstrap.delivering) == 1
    assert missing in capsys.readouterr().err
