"""10,000 files dropped into incoming/ at once are all in, exactly once; takes many minutes."""

import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.flow.client import eventually, instances_of, new_study

STUDIES = int(os.environ.get("DROPPED_STUDIES", "100"))
INSTANCES_A_STUDY = 100
TWICE = 10
"""So many of each study's files lie under two keys."""


@pytest.mark.timeout(7_200)
def test_all_are_in_exactly_once(client, record_property):
    studies = [new_study(instances=INSTANCES_A_STUDY) for _ in range(STUDIES)]
    s3, bucket = client.aws("s3"), client.bucket("main")
    folder = f"incoming/{studies[0][0].study_instance_uid}"
    drops = {}
    for keys in studies:
        for place, (key, part10) in enumerate(zip(keys, instances_of(keys), strict=True)):
            drops[f"{folder}/{key.study_instance_uid}/Ä {place}.dcm"] = part10
            if place < TWICE:
                drops[f"{folder}/{key.study_instance_uid}/again/{place}"] = part10

    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda drop: s3.put_object(Bucket=bucket, Key=drop[0], Body=drop[1]), drops.items()))
    dropped = time.monotonic() - began
    eventually(
        "incoming/ left", lambda: "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix=folder), seconds=6_000
    )
    for keys in studies:
        eventually(
            "every instance in a revision",
            lambda keys=keys: sum(len(entry["additions"]) for entry in client.revisions(keys[0])) == len(keys),
            seconds=1_200,
        )
    took = time.monotonic() - began
    record_property("seconds", took)
    print(f"{len(drops)} drops: put in {dropped:.0f} s, all in after {took:.0f} s")

    for keys in studies:
        versions = Counter(
            entry["Key"]
            for page in s3.get_paginator("list_object_versions").paginate(
                Bucket=bucket, Prefix=f"{keys[0].study.prefix}series/"
            )
            for entry in page.get("Versions", [])
            if entry["Key"].endswith(".dcm")
        )
        assert versions == Counter(key.object_key for key in keys)
        history = client.revisions(keys[0])
        assert [entry["modifications"] + entry["deletions"] for entry in history] == [[]] * len(history)
        added = [one["instance"] for entry in history for one in entry["additions"]]
        assert sorted(added) == sorted(key.sop_instance_uid for key in keys)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix=folder.replace("incoming", "quarantine"))
