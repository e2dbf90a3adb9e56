"""Why a revision is made when it is made, on a running system whose quiet period is too long to be the reason."""

import json
import time

import pytest

from tests.flow.client import Client, eventually, instances_of, new_study

QUIET_SECONDS = 600
LONGEST_WAIT_SECONDS = 8
SPACES = [
    {"name": "main", "ae_title": "MAIN", "longest_wait_seconds": LONGEST_WAIT_SECONDS},
    {"name": "research", "ae_title": "RESEARCH", "finish_on": ["association-released", "expected-instances"]},
]


@pytest.fixture(scope="module")
def user(own_system):
    system = own_system(QUIET_SECONDS=str(QUIET_SECONDS), CDK_CONTEXT_JSON=json.dumps({"imaging": {"spaces": SPACES}}))
    system.start()
    with Client(system) as user:
        yield user
    assert system.stop() == 0


def test_a_trickle_gets_a_revision_by_the_longest_wait_and_every_instance_in_one_of_them(user):
    keys = new_study(instances=30)
    with user.subscribed() as subscription:
        for part10 in instances_of(keys):
            assert user.stow([part10]).status_code == 200
            time.sleep(1)
        assert len(user.revisions(keys[0])) >= 2, "it never paused"

        def all_told():
            history = user.revisions(keys[0])
            return history if history and history[-1]["instances"] == len(keys) else None

        history = eventually("the last of it", all_told)
        assert {revision["reason"] for revision in history} == {"longest-wait"}
        added = [addition["instance"] for revision in history for addition in revision["additions"]]
        assert sorted(added) == sorted(key.sop_instance_uid for key in keys)
        events = eventually(
            "an event for each",
            lambda: len(found := subscription.of(keys[0], "Study Revised")) >= len(history) and found,
        )
        assert {event["reason"] for event in events} == {"longest-wait"}
    print([(revision["created"], len(revision["additions"])) for revision in history])


def test_a_released_association_finishes_its_study(user):
    keys = new_study("research", instances=3)
    assert user.c_store(instances_of(keys), "RESEARCH") == [0, 0, 0]
    began = time.monotonic()
    revision = user.wait_for_revision(keys[0], 1)
    print(f"{time.monotonic() - began:.1f} s after the release")
    assert (revision["reason"], revision["instances"]) == ("association-released", 3)


def test_a_study_is_finished_when_it_has_as_many_instances_as_its_sender_said(user):
    keys = new_study("research", instances=4)
    parts = instances_of(keys)
    for part10 in parts[:3]:
        assert user.stow([part10], "research", expected_instances=4).status_code == 200
    time.sleep(10)
    assert user.revisions(keys[0]) == []
    assert user.stow(parts[3:], "research", expected_instances=4).status_code == 200
    began = time.monotonic()
    revision = user.wait_for_revision(keys[0], 1)
    print(f"{time.monotonic() - began:.1f} s after the last one")
    assert (revision["reason"], revision["instances"]) == ("expected-instances", 4)


def test_a_file_that_is_copied_in_says_by_its_metadata_how_many_there_will_be(user):
    keys = new_study("research", instances=2)
    for number, part10 in enumerate(instances_of(keys)):
        user.aws("s3").put_object(
            Bucket=user.bucket("research"),
            Key=f"incoming/a folder/{keys[0].study_instance_uid}-{number}",
            Body=part10,
            Metadata={"expected-instances": "2"},
        )
    revision = user.wait_for_revision(keys[0], 1)
    assert (revision["reason"], revision["instances"]) == ("expected-instances", 2)
