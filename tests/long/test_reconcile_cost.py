"""What a pass of `reconcile` calls of S3 and DynamoDB; the price for any archive follows from it."""

from collections import Counter
from collections.abc import Iterator

import boto3
import pytest

from imaging.aws import clients
from imaging.model.identifiers import InstanceKey
from imaging.model.reconciliation import Reconciled
from infra.local.embedded_aws.process import EmbeddedAws
from tests.space_without_triggers import SpaceWithoutTriggers, counted_calls

ENTRIES_A_PAGE = 1_000
OF_A_PASS = {"GetItem": 1, "UpdateItem": 2}  # the cursor
OF_A_SPACE = {"ListObjectVersions": 1, "Query": 1}  # the drafts; the studies that the manifest knows


@pytest.fixture
def space(embedded_aws: EmbeddedAws) -> Iterator[SpaceWithoutTriggers]:
    clients.made.cache_clear()
    yield SpaceWithoutTriggers()
    clients.made.cache_clear()


def fill(space: SpaceWithoutTriggers, studies: range, instances: int) -> None:
    for number in studies:
        uid = f"1.2.{number}"
        keys = [InstanceKey("main", uid, f"{uid}.1", f"{uid}.1.{instance}") for instance in range(1, instances + 1)]
        for key in keys:
            space.put(key)
        space.index(*keys)
        space.finalize(uid)


def cost_of_a_pass(space: SpaceWithoutTriggers) -> tuple[Reconciled, Counter[str]]:
    with counted_calls() as calls:
        found = space.reconcile("main").found
    return found, calls


def pages(space: SpaceWithoutTriggers) -> int:
    listed = boto3.client("s3").get_paginator("list_object_versions").paginate(Bucket=space.bucket, Prefix="studies/")
    entries = sum(len(page.get("Versions", [])) + len(page.get("DeleteMarkers", [])) for page in listed)
    return -(-entries // ENTRIES_A_PAGE)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("instances", "calls_a_study"), [(1, {"BatchGetItem": 1}), (40, {"Query": 5})])
def test_a_study_costs_the_same_calls_however_many_there_are(
    space: SpaceWithoutTriggers, instances: int, calls_a_study: dict[str, int]
) -> None:
    known = 0
    for studies in (10, 30):
        fill(space, range(known, studies), instances)
        known = studies
        found, calls = cost_of_a_pass(space)
        assert found == Reconciled(studies=studies, instances=studies * instances)
        wanted = Counter(OF_A_SPACE) + Counter({"ListObjectVersions": pages(space)})
        wanted += Counter({name: count * studies for name, count in calls_a_study.items()})
        calls.subtract(OF_A_PASS)
        assert +calls == wanted
        print(f"{studies} studies of {instances} instances: {dict(wanted)}")


@pytest.mark.timeout(900)
def test_a_study_that_the_walk_has_not_met_costs_one_look_more(space: SpaceWithoutTriggers) -> None:
    fill(space, range(20), 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("imaging.pipeline.reconcile._MOST_REMEMBERED", 0)  # as when it was another slice
        found, calls = cost_of_a_pass(space)
    assert found.studies == 20
    assert calls["HeadObject"] == 20
    assert calls["ListObjectVersions"] == 2
