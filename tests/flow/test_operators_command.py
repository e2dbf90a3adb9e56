"""The operators' command on the running system."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from imaging.model.identifiers import InstanceKey
from tests.flow.client import Client, eventually, instances_of, new_study

DROPPED = "incoming/Mustermann^Erika/scan.dcm"


IMAGING = Path(sys.executable).with_name("imaging")


def imaging(client: Client, *arguments: str, trouble: bool | None = None) -> str:
    """Run the command; `trouble` None: whether other tests left something to mend is not the question."""
    command = [IMAGING, "--state-dir", client.system.state_dir, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode in ({0, 1} if trouble is None else {int(trouble)}), ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stdout


def told(client: Client, *arguments: str, trouble: bool | None = None) -> list[Any]:
    return [json.loads(line) for line in imaging(client, *arguments, "--json", trouble=trouble).splitlines()]


@pytest.fixture(scope="module")
def study(client: Client) -> list[InstanceKey]:
    """Three instances, with their first revision."""
    keys = new_study(instances=3)
    client.stow(instances_of(keys))
    client.wait_for_revision(keys[0], 1)
    return keys


def operator_environment(client: Client) -> dict[str, str]:
    return json.loads((client.system.state_dir / "operator.json").read_text())


def put_dead(client: Client, queue: str, body: object) -> None:
    """Put a letter where messages end that could not be handled."""
    queues = json.loads(operator_environment(client)["QUEUES"])
    (url,) = [each["dead_letter_queue_url"] for each in queues if each["name"] == queue]
    client.aws("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(body))


def notification(client: Client, object_key: str) -> dict[str, Any]:
    """As S3 sends it of a bucket with versions; this version is gone."""
    named = {"bucket": {"name": client.bucket("main")}, "object": {"key": object_key, "versionId": uuid4().hex}}
    return {"Records": [{"eventName": "ObjectCreated:Put", "s3": named}]}


def test_status_counts_what_is_held_and_reconcile_finds_nothing_to_mend(client, study):
    (result,) = told(client, "reconcile", "--space", "main", trouble=False)
    assert result["failed"] == 0
    assert result["instances"] >= 3

    (report,) = told(client, "status")
    (main,) = [space for space in report["spaces"] if space["space"] == "main"]
    assert main["studies"] >= 1
    assert main["instances"] >= 3
    assert main["bytes"] > 0
    assert {"index_instance", "store_drop", "finalize_study", "announce_change", "publish_study"} <= {
        queue["name"] for queue in report["queues"]
    }
    assert "main" in {each["space"] for each in report["reconciled"] if each["ended"]}


def test_revisions_show_the_history_of_a_study(client, study):
    in_main = ("revisions", study[0].study_instance_uid, "--space", "main")
    (history,) = told(client, *in_main, trouble=False)
    assert [(each["revision"], each["additions"]) for each in history["revisions"]] == [(1, 3)]
    shown = imaging(client, *in_main, "--revision", "1", trouble=False)
    assert all(key.sop_instance_uid in shown for key in study)


def test_dead_letters_are_explained_left_where_they_are_and_redriven(client, study):
    put_dead(client, "index_instance", notification(client, study[0].object_key))
    put_dead(client, "store_drop", notification(client, DROPPED))

    letters = told(client, "explain", "index_instance", trouble=True)
    assert ("done since", study[0].sop_instance_uid) in [
        (work["cause"], work["about"].get("instance")) for letter in letters for work in letter["work"]
    ]
    shown = imaging(client, "explain", "store_drop", trouble=True)
    assert "sha256:" in shown
    assert "Mustermann" not in shown
    (found,) = told(client, "errors", trouble=True)
    assert {"index_instance", "store_drop"} <= {left["queue"] for left in found["dead_letters"]}

    for queue in ("index_instance", "store_drop"):
        assert "put back into" in imaging(client, "redrive", queue, trouble=False)
    (report,) = told(client, "status")
    assert not [
        queue["name"]
        for queue in report["queues"]
        if queue["figures"]["dead_letters"] and queue["name"] in ("index_instance", "store_drop")
    ]


def test_letters_of_the_stream_go_when_the_sweep_has_told_what_they_were_about(client, study):
    position = {"batchSize": 1, "approximateArrivalOfLastRecord": "2026-01-01T00:00:00Z"}
    put_dead(client, "announce_change", {"DDBStreamBatchInfo": position})
    assert "has been told since" in imaging(client, "explain", "announce_change", trouble=True)
    assert " removed" in imaging(client, "redrive", "announce_change", trouble=False)


def test_what_was_set_aside_is_counted_by_its_reason_and_never_named(client):
    client.aws("s3").put_object(Bucket=client.bucket("research"), Key=DROPPED, Body=b"Erika Mustermann")

    def set_aside() -> str:
        shown = imaging(client, "errors")
        return shown if "quarantine/" in shown and "research" in shown else ""

    assert "Mustermann" not in eventually("set aside", set_aside)


def fhir_errors(client: Client, key: InstanceKey, kind: str) -> list[dict[str, Any]]:
    """What the space says could not be written to FHIR of the key's study."""
    answer = client.http.get(f"{client.system.dicomweb(key.space)}/fhir-errors", params={"kind": kind, "limit": 1000})
    assert answer.status_code == 200, answer.text
    return [entry for entry in answer.json() if entry["study"] == key.study_instance_uid]


def test_what_is_not_in_fhir_is_listed_published_once_more_and_cleared_when_it_is_mended(client, study):
    (key,) = new_study()
    client.stow(instances_of([key], PatientID=""))
    (entry,) = eventually("an entry", lambda: fhir_errors(client, key, "not-published"))
    assert entry["revision"] == 1
    assert entry["message"].endswith(".")

    (left,) = told(client, "errors", "--kind", "not-published", trouble=True)
    assert key.study_instance_uid in {each["study"] for each in left["newest"]}
    (report,) = told(client, "status", trouble=True)
    assert report["fhir_errors"]["not-published"] >= 1
    (asked,) = told(client, "publish", "--kind", "not-published", "--space", "main", trouble=False)
    assert asked["studies"] >= 1
    eventually("tried again", lambda: fhir_errors(client, key, "not-published")[0]["time"] > entry["time"])

    client.stow(instances_of([key], PatientID="P-MENDED"))
    eventually("published", lambda: client.imaging_studies(key))
    eventually("cleared", lambda: not fhir_errors(client, key, "not-published"))


def test_a_study_that_is_published_once_more_stays_as_it_is(client, study):
    (before,) = eventually("published", lambda: client.imaging_studies(study[0]))
    in_main = ("--study", study[0].study_instance_uid, "--space", "main")
    assert told(client, "publish", *in_main, trouble=False) == [{"space": "main", "studies": 1, "without_revision": 0}]

    def is_done() -> bool:
        (report,) = told(client, "status")
        (queue,) = [each["figures"] for each in report["queues"] if each["name"] == "publish_study"]
        return not queue["waiting"] + queue["under_way"]

    eventually("compared", is_done)
    assert client.imaging_studies(study[0]) == [before]


def test_without_a_state_dir_the_deployed_stacks_are_asked(client, study):
    aws = {name: value for name, value in operator_environment(client).items() if name.startswith("AWS_")}
    command = [IMAGING, "revisions", study[0].study_instance_uid, "--space", "main"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, env=os.environ | aws)
    assert "quiet" in ended.stdout
