"""What is stored in one space reaches a space, another server, a node and subscribers, and the ledger knows."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest

from imaging.model.identifiers import InstanceKey
from tests.flow.bindings import SPACE
from tests.flow.client import Client, eventually, instances_of, new_study
from tests.flow.subscribers import Subscribers, Webhook, listening_webhook
from tests.instances import data_set_of
from tests.unit.dimse.nodes import storescp

EVERY_BINDING = {"to-research", "to-main", "to-node", "to-webhook", "to-queue", "to-bus"}
TO_THE_NODE = {"InstitutionName": "GENERAL HOSPITAL"}


@pytest.fixture(scope="module")
def subscribers(client: Client) -> Subscribers:
    return Subscribers(client)


@pytest.fixture
def webhook(client: Client) -> Iterator[Webhook]:
    with listening_webhook(client.system.webhook_port) as webhook:
        yield webhook


def test_a_study_reaches_targets_of_every_kind_also_those_that_were_down(client, subscribers, webhook, tmp_path):
    webhook.status = HTTPStatus.SERVICE_UNAVAILABLE
    keys = new_study(SPACE, series=2, instances=2)
    study = keys[0].study_instance_uid
    parts = instances_of(keys, **TO_THE_NODE)
    announce_too_early(client, keys[0])
    eventually("every binding waits for the manifest", lambda: put_off(client) == EVERY_BINDING)
    assert client.stow(parts, space=SPACE).status_code == httpx.codes.OK

    # The webhook answers 503 and nobody listens at the node; the others get everything meanwhile.
    eventually("in the queue", lambda: len(subscribers.in_queue(study)) == len(keys))
    assert sorted(subscribers.in_queue(study)) == sorted(("Instance Stored", key.sop_instance_uid, 1) for key in keys)
    for space in ("research", "main"):
        eventually(f"in {space}", lambda there=space: all(held(client, key, there) for key in keys))
        assert [held(client, key, space) for key in keys] == parts
    eventually("on the bus", lambda: subscribers.on_bus(study) == [1])
    eventually("retrying", lambda: deliveries(client, keys[0])["to-webhook", "revision 1"]["outcome"] == "retrying")
    assert webhook.heard == []

    # When they are back, they get it too, each the very bytes.
    webhook.status = HTTPStatus.NO_CONTENT
    with storescp(tmp_path, port=client.system.node_port):
        eventually("at the webhook", lambda: webhook.revisions_of(study) == [1])
        eventually("at the node", lambda: len([*tmp_path.iterdir()]) == len(keys))
        eventually("all delivered", lambda: outcomes(client, keys[0]) == {"delivered"})
    assert {data_set_of(path.read_bytes()) for path in tmp_path.iterdir()} == {data_set_of(part) for part in parts}

    ledger = deliveries(client, keys[0])
    assert ledger["to-webhook", "revision 1"]["tries"] > 1
    assert ledger["to-queue", keys[0].sop_instance_uid]["tries"] == 1
    assert {binding for binding, _ in ledger} == EVERY_BINDING
    assert len(subscribers.in_queue(study)) == len(keys)
    assert (subscribers.on_bus(study), webhook.revisions_of(study)) == ([1], [1])


def test_a_later_revision_brings_what_changed_and_subscribers_hear_of_it_in_order(client, subscribers, webhook):
    keys = new_study(SPACE, instances=3)
    study = keys[0].study_instance_uid
    parts = instances_of(keys)
    put_by_hand(client, keys[2], parts[2], "research")
    client.stow(parts, space=SPACE)
    eventually("revision 1 at the webhook", lambda: webhook.revisions_of(study) == [1])
    (replaced,) = instances_of(keys[:1], PatientComments="replaced")
    client.stow([replaced], space=SPACE)
    below = f"/series/{keys[1].series_instance_uid}/instances/{keys[1].sop_instance_uid}"
    assert client.delete(keys[1], below_study=below).status_code == httpx.codes.NO_CONTENT

    eventually("revision 2 at the webhook", lambda: 2 in webhook.revisions_of(study))
    eventually("the new bytes in research", lambda: held(client, keys[0], "research") == replaced)
    eventually("the new bytes in main", lambda: held(client, keys[0], "main") == replaced)
    eventually(
        "the deletion in the queue",
        lambda: ("Instance Deleted", keys[1].sop_instance_uid, 2) in subscribers.in_queue(study),
    )
    eventually("on the bus", lambda: subscribers.on_bus(study)[-1:] == webhook.revisions_of(study)[-1:])
    for told in (webhook.revisions_of(study), subscribers.on_bus(study)):
        assert told == [*range(1, len(told) + 1)]
    # The filter asks for another institution: the node, which nobody plays now, is not even tried.
    assert not [binding for binding, _ in deliveries(client, keys[0]) if binding == "to-node"]
    assert versions(client, keys[2], "research") == 1  # identical bytes were there
    assert held(client, keys[1], "research") is not None  # a deletion sends nobody an image, and takes none away


def test_what_is_refused_is_a_dead_letter_and_goes_again_when_an_operator_says_so(client, webhook):
    webhook.status = HTTPStatus.BAD_REQUEST
    (key,) = new_study(SPACE)
    study = key.study_instance_uid
    client.stow(instances_of([key]), space=SPACE)
    eventually(
        "refused", lambda: deliveries(client, key).get(("to-webhook", "revision 1"), {}).get("outcome") == "refused"
    )
    assert "400" in deliveries(client, key)["to-webhook", "revision 1"]["reason"]
    assert webhook.revisions_of(study) == []

    webhook.status = HTTPStatus.NO_CONTENT
    imaging(client, "redrive", "to-webhook")
    eventually("told after all", lambda: webhook.revisions_of(study) == [1])

    # A replay brings nothing twice, unless that is asked for.
    imaging(client, "replay", "--binding", "to-webhook", "--study", study, "--space", SPACE)
    imaging(client, "replay", "--binding", "to-webhook", "--study", study, "--space", SPACE, "--again")
    eventually("told again", lambda: webhook.revisions_of(study) == [1, 1])


def announce_too_early(client: Client, key: InstanceKey) -> None:
    """Events of what the manifest does not have yet, such as come while it is being rebuilt."""
    study, href = {"version": 1, "space": key.space, "study": key.study_instance_uid}, "https://imaging.example.org"
    of_instance = {"series": key.series_instance_uid, "instance": key.sop_instance_uid, "change_number": 1}
    details = {"Instance Stored": of_instance, "Study Revised": {"revision": 1}}
    client.aws("events").put_events(
        Entries=[
            {
                "EventBusName": client.system.endpoints["aws"]["event_bus"],
                "Source": "imaging",
                "DetailType": detail_type,
                "Detail": json.dumps({**study, **detail, "href": href}),
            }
            for detail_type, detail in details.items()
        ]
    )


def put_off(client: Client) -> set[str]:
    """The bindings that have let a message come back later."""
    action = "sqs:ChangeMessageVisibility"
    lines = client.system.recorded_calls.read_text().splitlines()
    calls = [json.loads(line) for line in lines if action in line]  # all of them would take longer than the wait
    queues = [call["resources"][0] for call in calls if call["actions"] == [action]]
    return {name for name in EVERY_BINDING for queue in queues if queue.endswith(f"-{name}")}


def put_by_hand(client: Client, key: InstanceKey, part10: bytes, space: str) -> None:
    client.aws("s3").put_object(Bucket=client.bucket(space), Key=key.object_key, Body=part10)


def versions(client: Client, key: InstanceKey, space: str) -> int:
    listed = client.aws("s3").list_object_versions(Bucket=client.bucket(space), Prefix=key.object_key)
    return len(listed["Versions"])


def held(client: Client, key: InstanceKey, space: str) -> bytes | None:
    """The instance's bytes in another space."""
    return client.instance_bytes(replace(key, space=space))


def deliveries(client: Client, key: InstanceKey) -> dict[tuple[str, str], dict[str, Any]]:
    """The ledger of the study: entries by binding, and instance or revision."""
    answer = client.get(key, "/deliveries?limit=1000")
    entries = answer.json() if answer.status_code == httpx.codes.OK else []
    return {(entry["binding"], entry.get("instance") or f"revision {entry['revision']}"): entry for entry in entries}


def outcomes(client: Client, key: InstanceKey) -> set[str]:
    return {entry["outcome"] for entry in deliveries(client, key).values()}


def imaging(client: Client, *arguments: str) -> str:
    """The operators' command."""
    command = [Path(sys.executable).with_name("imaging"), "--state-dir", client.system.state_dir, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
