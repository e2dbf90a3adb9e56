"""A manifest table that was lost comes back from the buckets as it was, row by row, item by item."""

from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any

import boto3
import pytest
from pydicom.encaps import encapsulate

from imaging.aws import clients
from imaging.aws.dynamodb_feed import DynamoDbChangeFeed
from imaging.aws.dynamodb_feed_source import DynamoDbFeedSource
from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import instance_key_of, instance_row_key, of_item
from imaging.aws.s3_objects import S3Objects
from imaging.model.feed import FeedHead
from imaging.model.identifiers import InstanceKey
from imaging.model.reconciliation import Phase
from imaging.pipeline.finalize_study import Finalized
from imaging.settings import Settings
from infra.local.embedded_aws.process import EmbeddedAws
from tests.space_without_triggers import SpaceWithoutTriggers
from tests.unit.dicom.files import JPEG_BASELINE, identifiers, part10
from tests.unit.dicom.pixel_files import encapsulated_element, frame, image_attributes

NOT_KEPT_BY_S3 = {
    # Marks: what waits to be told is told once more, whatever had been told before.
    *("pending", "pending_since", "untold"),
    # Tokens and moments of processes that worked on the study; S3 does not know them and nobody needs them again.
    *("claim", "claimed_at", "released_at"),
    # When indexing noticed a change: the moment of the revision stands for it.
    *("opened_at", "last_change_at"),
}
QUERY_TAGS = [
    {"tag": "AdmittingDiagnosesDescription", "level": "study"},
    {"tag": "ScanOptions", "level": "series"},
]


def long_texts(seed: int) -> dict[str, str]:
    """Attributes whose DICOM JSON is too long for a row, compressed."""
    random = Random(seed)
    names = ("ImageComments", "PatientComments", "AdditionalPatientHistory")
    return {name: random.randbytes(5_000).hex() for name in names}


def many_frames(key: InstanceKey, seed: int) -> bytes:
    """A file whose pixel data has a layout that is too long for a row."""
    random = Random(seed)
    frames = [frame(number, random.randrange(20, 200, 2)) for number in range(800)]
    uids = (key.study_instance_uid, key.series_instance_uid, key.sop_instance_uid)
    return part10(
        b"".join(identifiers(study=uids[0], series=uids[1], instance=uids[2]))
        + image_attributes(frames=len(frames))
        + encapsulated_element(encapsulate(frames)),
        JPEG_BASELINE,
    )


class Space(SpaceWithoutTriggers):
    """One whose table can be compared, and lost."""

    def rows(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Every row that S3 must bring back, without what it cannot know."""
        rows = map(of_item, self.items())
        return {
            (row["pk"], row["sk"]): {name: value for name, value in row.items() if name not in NOT_KEPT_BY_S3}
            for row in rows
            if row["pk"].partition("#")[0] not in {"FEED", "RECONCILE"}
        }

    def items(self) -> list[dict[str, Any]]:
        """The whole table, as it is."""
        pages = boto3.client("dynamodb").get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def instances(self) -> dict[tuple[str, str], dict[str, Any]]:
        """The rows of instances, tombstones included."""
        return {row_key: row for row_key, row in self.rows().items() if row["kind"] == "INSTANCE"}

    def tell(self) -> FeedHead:
        """Append to the feed what is untold; where it ends then."""
        table, objects = ManifestTable(self.table), S3Objects(Settings(self.environment).spaces)
        rows = [row for row in map(of_item, self.items()) if "untold" in row]
        list(DynamoDbChangeFeed(table, objects).append(map(instance_key_of, rows), lambda: datetime.now(UTC)))
        head = DynamoDbFeedSource(table).head("main")
        assert head
        return head

    def lose_manifest(self) -> None:
        for item in self.items():
            boto3.client("dynamodb").delete_item(TableName=self.table, Key={"pk": item["pk"], "sk": item["sk"]})


@pytest.fixture
def space(embedded_aws: EmbeddedAws) -> Iterator[Space]:
    clients.made.cache_clear()
    yield Space(QUERY_TAGS)
    clients.made.cache_clear()


def key(study: str, series: int, instance: int) -> InstanceKey:
    return InstanceKey("main", study, f"{study}.{series}", f"{study}.{series}.{instance}")


def live_through_everything(space: Space) -> None:
    study = "1.2.1"
    first, second, other = key(study, 1, 1), key(study, 1, 2), key(study, 2, 1)

    # revision 1: two series; metadata and the layout of pixel data too long for their rows
    space.store(first, AdmittingDiagnosesDescription="A", ScanOptions=["X", "Y"], **long_texts(1))
    space.store(second, many_frames(second, 1))
    space.store(other, Modality="MR")
    space.finalize(study)

    # 2: replaced, before and after their revision, by what is as long
    space.store(first, InstanceNumber=7, **long_texts(2))
    space.store(first, InstanceNumber=8, **long_texts(3))
    space.store(second, many_frames(second, 2))
    space.finalize(study)

    # 3: a late arrival; 4: a deletion; 5: the same instance again, in two versions
    space.store(key(study, 1, 3))
    space.finalize(study)
    space.delete(second)
    space.finalize(study)
    space.store(second, InstanceNumber=1)
    space.store(second, InstanceNumber=2)
    space.finalize(study)

    # 6: what came and went, once and twice, while a late arrival waited for its revision
    space.store(key(study, 1, 4))
    for passing in (key(study, 1, 5), key(study, 3, 1), key(study, 3, 1)):
        space.store(passing, **long_texts(4))
        space.delete(passing)
    space.finalize(study)

    # 7: a series gone, and of it comes and goes one again, which is no revision
    space.delete_all([other], f"/series/{other.series_instance_uid}")
    space.finalize(study)
    space.store(other)
    space.delete(other)
    space.finalize(study, Finalized.UNCHANGED)

    # A study gone and stored again, one gone for good, and one whose patient has another name by now
    for uid in ("1.2.2", "1.2.3"):
        instances = [key(uid, 1, number) for number in (1, 2)]
        for each in instances:
            space.store(each)
        space.finalize(uid)
        space.delete_all(instances)
        space.finalize(uid)
    space.store(key("1.2.2", 1, 2))
    space.finalize("1.2.2")
    space.store(key("1.2.4", 1, 1), PatientName="Before^Marriage")
    space.finalize("1.2.4")
    space.store(key("1.2.4", 1, 1), PatientName="After^Marriage")
    space.finalize("1.2.4")


def test_an_emptied_table_is_rebuilt_item_by_item(space: Space) -> None:
    live_through_everything(space)
    before = space.rows()
    assert {row["kind"] for row in before.values()} == {
        *("STUDY", "SERIES", "INSTANCE", "METADATA", "REVISION"),
        *{row["kind"] for row in before.values() if row["kind"].startswith("LISTED")},
    }

    found = space.reconcile("main")
    assert (found.phase, found.found.studies) == (Phase.DONE, 4)
    assert found.found.restored_studies == found.found.indexed == found.found.failed == found.found.orphans == 0
    assert space.rows() == before, "nothing was wrong, and nothing has changed"

    space.lose_manifest()
    found = space.reconcile("main")

    after = space.rows()
    assert found.found.restored_studies == 4
    assert found.found.indexed == found.found.failed == 0
    assert after.keys() == before.keys()
    for row_key, row in before.items():
        assert after[row_key] == row, row_key
    assert space.reconcile("main").found.restored_studies == 0


def test_a_study_without_a_revision_is_indexed_again(space: Space) -> None:
    space.store(key("1.2.1", 1, 1), PatientID="P")
    before = space.rows()
    space.lose_manifest()
    found = space.reconcile("main").found
    assert (found.restored_studies, found.indexed) == (0, 1)
    after = space.rows()
    assert after == before
    space.finalize("1.2.1")


def test_an_instance_whose_event_came_before_reconcile_does_not_fall_behind_its_number(space: Space) -> None:
    # Given an instance whose third change a revision has, and a table that was lost
    instance = key("1.2.1", 1, 1)
    for number in range(3):
        space.store(instance, InstanceNumber=number)
    space.finalize("1.2.1")
    before = space.instances()
    assert [row["change_number"] for row in before.values()] == [3]
    space.lose_manifest()

    # when its last event comes once more, and is told, before reconcile reaches the study,
    space.index(instance)
    assert [row["change_number"] for row in space.instances().values()] == [1]
    space.tell()
    space.reconcile("main")

    # then it stands where it stood, which is told, and its next change bears the next number.
    assert space.instances() == before
    totals = space.tell().totals
    assert (totals.studies, totals.series, totals.instances) == (1, 1, 1)
    assert totals.bytes == next(iter(before.values()))["size_bytes"]
    changes = list(DynamoDbFeedSource(ManifestTable(space.table)).changes("main", 0, 100))
    assert [(change.change_number, change.version_id) for change in changes][-1:] == [
        (3, row["version_id"]) for row in before.values()
    ]
    space.store(instance, InstanceNumber=4)
    assert [row["change_number"] for row in space.instances().values()] == [4]
    space.finalize("1.2.1")


def test_rows_of_a_table_recovered_as_of_an_earlier_moment_are_brought_up_to_the_revisions(space: Space) -> None:
    # Given a table of which there is a copy of an earlier moment, what changed since being in revisions
    replaced, deleted, again, late = (key("1.2.1", 1, number) for number in (1, 2, 3, 4))
    space.store(replaced, InstanceNumber=1)
    space.store(deleted)
    space.store(again, InstanceNumber=1)
    space.delete(again)
    space.finalize("1.2.1")
    space.tell()
    earlier = space.items()
    for number in (2, 3):
        space.store(replaced, InstanceNumber=number)
    space.store(again, InstanceNumber=2)
    space.store(late)
    space.finalize("1.2.1")
    space.delete(deleted)
    space.finalize("1.2.1")
    before = space.instances()

    # when the copy takes its place,
    space.lose_manifest()
    for item in earlier:
        boto3.client("dynamodb").put_item(TableName=space.table, Item=item)
    space.reconcile("main")

    # then each instance is as the last revision has it, under its number, and the totals are right.
    assert space.instances() == before
    present = [row for row in before.values() if row["action"] != "delete"]
    totals = space.tell().totals
    assert (totals.studies, totals.series, totals.instances) == (1, 1, len(present))
    assert totals.bytes == sum(row["size_bytes"] for row in present)
    assert space.reconcile("main").found.indexed == 0
    space.finalize("1.2.1", Finalized.UNCHANGED)


def test_what_was_no_instance_and_was_deleted_hides_no_change_of_one(space: Space) -> None:
    # Given an instance that came and went before its study had a revision,
    instance, row_key = key("1.2.1", 1, 1), instance_row_key(key("1.2.1", 1, 1))
    space.store(instance)
    space.delete(instance)
    space.store(key("1.2.1", 1, 2))
    space.finalize("1.2.1")
    told = space.instances()[row_key["pk"], row_key["sk"]]["change_number"]
    # and what is no DICOM, put under its key and deleted before anybody looked,
    s3 = boto3.client("s3")
    s3.put_object(Bucket=space.bucket, Key=instance.object_key, Body=b"no DICOM")
    s3.delete_object(Bucket=space.bucket, Key=instance.object_key)

    # when it is stored again, of a table that was lost,
    space.lose_manifest()
    space.put(instance)
    assert space.reconcile("main").found.failed == 0

    # then it goes on above what had been told.
    row = space.instances()[row_key["pk"], row_key["sk"]]
    assert (row["action"], told) == ("create", 2)
    assert row["change_number"] > told
    space.finalize("1.2.1")
