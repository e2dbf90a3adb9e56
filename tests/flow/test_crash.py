"""kill -9 of everything, at any moment: what was acknowledged is there after the next start."""

import gc
import random
import threading
import time
from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.flow.client import Client, eventually, instances_of, new_study
from tests.instances import data_set_of

STUDIES = 6
INSTANCES = 4
OTHER_END_DIED = (
    *(httpx.HTTPError, BotoCoreError, ClientError),
    *(OSError, AssertionError, ValueError, AttributeError, RuntimeError),
)


@pytest.fixture(scope="module")
def crashing(own_system):
    """A system that goes on after one crash until the next."""
    system = own_system(QUIET_SECONDS="1")
    system.start()
    yield system
    assert system.stop() == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("seconds", [0.5, 4.0])
def test_a_crash_loses_nothing_that_was_acknowledged(crashing, seconds):
    # Given senders at work through every door
    sending = Client(crashing)
    s3 = sending.aws("s3")
    acknowledged: dict[object, bytes] = {}
    stop = threading.Event()

    def drop(parts: list[bytes]) -> bool:
        for part10 in parts:
            s3.put_object(Bucket=sending.bucket("main"), Key=f"incoming/{uuid4().hex}", Body=part10)
        return True

    def send(take: Callable[[list[bytes]], bool]) -> None:
        while not stop.is_set():
            for keys in [new_study(instances=INSTANCES) for _ in range(STUDIES)]:
                parts = instances_of(keys, PatientID=f"P{keys[0].study_instance_uid[-8:]}")
                try:
                    stored = take(parts)
                except OTHER_END_DIED:
                    return
                if stored:
                    acknowledged.update(zip(keys, parts, strict=True))
                time.sleep(random.uniform(0, 0.2))

    doors = (
        lambda parts: sending.stow(parts).status_code == 200,
        lambda parts: all(status == 0x0000 for status in sending.c_store(parts)),
        drop,
    )
    senders = [threading.Thread(target=send, args=(door,)) for door in doors]
    for sender in senders:
        sender.start()
    eventually("a first study", lambda: acknowledged)
    time.sleep(seconds)

    # When everything is killed at once, and started again
    crashing.kill()
    stop.set()
    for sender in senders:
        sender.join(60)
    sending.http.close()
    gc.collect()  # pynetdicom leaves a socket behind when its peer dies
    crashing.start()

    # Then every acknowledged instance is retrievable, in one history, and in FHIR
    with Client(crashing) as client:
        check_nothing_was_lost(client, acknowledged)


def check_nothing_was_lost(client, acknowledged):
    studies = {key.study_instance_uid: key for key in acknowledged}
    for key in studies.values():
        of_study = {one for one in acknowledged if one.study_instance_uid == key.study_instance_uid}
        wanted = {one.sop_instance_uid for one in of_study}
        eventually("published", lambda key=key: client.imaging_studies(key), seconds=180)
        eventually(
            "every instance in FHIR",
            lambda key=key, wanted=wanted: (
                wanted
                <= {
                    instance["uid"]
                    for study in client.imaging_studies(key)
                    for series in study["series"]
                    for instance in series["instance"]
                }
            ),
        )
        history = client.revisions(key)
        added = [one["instance"] for entry in history for one in entry["additions"]]
        assert [entry["revision"] for entry in history] == list(range(1, len(history) + 1))
        assert len(added) == len(set(added))
        assert wanted <= set(added)
        for one in of_study:
            got = client.instance_bytes(one)
            assert got is not None
            assert data_set_of(got) == data_set_of(acknowledged[one])
