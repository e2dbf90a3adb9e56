"""A manifest table that was lost comes back from the buckets as it was, row by row, item by item."""

from collections.abc import Iterator
from random import Random
from typing import Any

import boto3
import pytest
from pydicom.encaps import encapsulate

from imaging.aws import clients
from imaging.aws.rows import of_item
from imaging.model.identifiers import InstanceKey
from imaging.model.reconciliation import Phase
from imaging.pipeline.finalize_study import Finalized
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
        pages = boto3.client("dynamodb").get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
        rows = [of_item(item) for page in pages for item in page["Items"]]
        return {
            (row["pk"], row["sk"]): {name: value for name, value in row.items() if name not in NOT_KEPT_BY_S3}
            for row in rows
            if row["pk"].partition("#")[0] not in {"FEED", "RECONCILE"}
        }

    def lose_manifest(self) -> None:
        dynamodb = boto3.client("dynamodb")
        pages = dynamodb.get_paginator("scan").paginate(TableName=self.table)
        for item in [item for page in pages for item in page["Items"]]:
            dynamodb.delete_item(TableName=self.table, Key={"pk": item["pk"], "sk": item["sk"]})


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
