"""What came in, and how things stand, as the page shows them: ``GET /arrivals`` and ``GET /status``."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from imaging.model.identifiers import InstanceKey
from tests.flow.client import Client, eventually, instances_of, new_study
from tests.flow.test_operators_command import told


def arrivals(client: Client, **parameters: Any) -> list[dict[str, Any]]:
    answer = client.http.get(f"{client.system.front}/arrivals", params=parameters)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


def entry_of(client: Client, key: InstanceKey, **parameters: Any) -> dict[str, Any]:
    """The study's entry; empty while it has none."""
    found = arrivals(client, text=key.study_instance_uid, space=key.space, **parameters)
    return found[0] if found else {}


def in_state(client: Client, key: InstanceKey, state: str) -> dict[str, Any]:
    """The study's entry once it is there."""

    def look() -> dict[str, Any]:
        found = entry_of(client, key)
        return found if found and state in (found["state"], found["fhir"]["state"]) else {}

    return eventually(state, look)


@pytest.fixture(scope="module")
def published(client: Client) -> tuple[list[InstanceKey], dict[str, Any], dict[str, Any]]:
    """Three instances of a study: its keys, its entry when it arrived, and when it was in FHIR."""
    keys = new_study(instances=3)
    client.stow(instances_of(keys, PatientName="Ångström^Anders", PatientID="P-ARRIVED", StudyDescription="Hip left"))
    arriving = in_state(client, keys[0], "arriving")
    return keys, arriving, in_state(client, keys[0], "published")


def test_a_study_arrives_is_due_when_it_has_been_quiet_and_then_final_and_in_fhir(client, published):
    keys, arriving, final = published
    last_change_at, due_at = (datetime.fromisoformat(arriving[name]) for name in ("last_change_at", "due_at"))
    assert (arriving["revision"], arriving["fhir"]) == (0, {"state": "waiting"})
    assert due_at - last_change_at == timedelta(seconds=2)
    assert abs(datetime.now(UTC) - last_change_at) < timedelta(minutes=5)

    assert (final["state"], final["revision"], final["instances"], final["series"]) == ("final", 1, 3, 1)
    assert (final["fhir"]["revision"], "errors" in final["fhir"], "due_at" in final) == (1, False, False)
    assert final["patient"]["name"] == "Ångström, Anders"
    for link in ("dicomweb", "revisions", "deliveries", "thumbnail", "imaging_study"):
        assert client.http.get(final["links"][link], headers={"Accept": "*/*"}).status_code == 200, link
    (found,) = client.http.get(final["links"]["imaging_study"]).json()["entry"]
    assert found["resource"]["numberOfInstances"] == 3
    shown = client.http.get(final["links"]["display"])
    assert (shown.status_code, keys[0].study_instance_uid in shown.headers["location"]) == (302, True)


def test_words_modality_days_and_space_narrow_and_pages_go_on(client, published):
    keys, _, final = published
    today, other_day = final["arrived_at"][:10], "2001-02-03"
    uid = keys[0].study_instance_uid
    for asked, is_found in (
        ({"text": "angstrom p-arrived hip"}, True),
        ({"text": "angstrom knee"}, False),
        ({"text": uid, "modality": final["modalities"][0], "from": today, "to": today}, True),
        ({"text": uid, "modality": "XC"}, False),
        ({"text": uid, "to": other_day}, False),
        ({"text": uid, "space": "research"}, False),
        ({"text": uid, "space": ["main", "research"]}, True),
    ):
        assert (uid in [each["study"] for each in arrivals(client, **asked)]) is is_found, asked

    twin = InstanceKey("research", *(getattr(keys[0], f"{level}_instance_uid") for level in ("study", "series", "sop")))
    client.stow(instances_of([twin], PatientID="P-ARRIVED"), space="research")
    eventually("in both spaces", lambda: len(arrivals(client, text=uid)) == 2)
    first = client.http.get(f"{client.system.front}/arrivals", params={"text": uid, "limit": 1})
    assert [each["space"] for each in first.json()] == ["research"]
    last = client.http.get(first.links["next"]["url"])
    assert [each["space"] for each in last.json()] == ["main"]
    assert "next" not in last.links


def test_a_study_tells_why_it_is_not_in_fhir_and_goes_when_it_is_deleted(client):
    (key,) = new_study()
    client.stow(instances_of([key], PatientID=""))
    found = in_state(client, key, "refused")
    assert "PatientID" in found["fhir"]["errors"][0]["message"]
    assert (found["fhir"]["errors"][0]["kind"], found["revision"]) == ("not-published", 1)
    assert "imaging_study" not in found["links"]

    assert client.delete(key).status_code < 300
    eventually("gone", lambda: not entry_of(client, key))


def test_what_cannot_be_asked_is_refused_in_a_sentence(client):
    for path in ("arrivals?limit=1000", "arrivals?after=x", "arrivals?everything=1", "status?space=main"):
        answer = client.http.get(f"{client.system.front}/{path}")
        assert (answer.status_code, answer.json()["error"][-1]) == (400, "."), path
    assert client.http.get(f"{client.system.front}/arrivals?space=elsewhere").status_code == 404
    assert client.http.options(f"{client.system.front}/arrivals").status_code == 204


def record_status(client: Client) -> dict[str, Any]:
    functions = client.aws("lambda")
    (name,) = [
        function["FunctionName"]
        for page in functions.get_paginator("list_functions").paginate()
        for function in page["Functions"]
        if function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == "record_status"
    ]
    answer = functions.invoke(FunctionName=name, Payload=json.dumps({}))
    assert "FunctionError" not in answer
    return json.load(answer["Payload"])


def test_the_status_is_what_the_operators_command_shows_and_no_older_than_the_last_record(client, published):
    """While a study is open and a message waits, so that all that the function may do is done."""
    keys, _, _ = published
    sqs = client.aws("sqs")
    (queue,) = [address for address in sqs.list_queues()["QueueUrls"] if "FinalizeStudyQueue" in address]
    named = {"space": keys[0].space, "study": keys[0].study_instance_uid}
    (key,) = new_study()
    client.stow(instances_of([key], PatientID=f"P-{uuid4().hex[:8]}", PatientName="Nobody^Told"))
    in_state(client, key, "arriving")
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(named), DelaySeconds=5)
    recorded = record_status(client)

    answer = client.http.get(f"{client.system.front}/status")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    status = answer.json()
    assert status["as_of"] >= recorded["as_of"]
    assert {space["space"] for space in status["spaces"]} >= {"main", "research"}
    assert "Nobody" not in answer.text
    (report,) = told(client, "status")
    assert status.keys() == report.keys()
    assert {queue["name"] for queue in status["queues"]} == {queue["name"] for queue in report["queues"]}
