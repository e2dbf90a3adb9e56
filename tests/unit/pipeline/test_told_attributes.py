"""What instances say together is what the rows of their study and series say, before and after these were lost."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from imaging.aws import clients
from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import of_item, series_of_row, study_of_row
from imaging.aws.s3_objects import S3Objects
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.pipeline.revision_archive import RevisionArchive
from imaging.settings import Settings
from infra.local.embedded_aws.process import EmbeddedAws
from tests.space_without_triggers import SpaceWithoutTriggers
from tests.unit.dicom.files import element, part10
from tests.unit.fhir.samples import attributes

TAGS = [{"tag": "AdmittingDiagnosesDescription", "level": "study"}, {"tag": "ScanOptions", "level": "series"}]
STUDY = "1.2.1"


@pytest.fixture
def space(embedded_aws: EmbeddedAws) -> Iterator[SpaceWithoutTriggers]:
    clients.made.cache_clear()
    yield SpaceWithoutTriggers(TAGS)
    clients.made.cache_clear()


def key(number: int) -> InstanceKey:
    return InstanceKey("main", STUDY, f"{STUDY}.1", f"{STUDY}.1.{number}")


def file(number: int, *elements: tuple[int, str, str]) -> bytes:
    """An instance with these elements, right or wrong."""
    named = key(number)
    uids = [
        (0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2"),
        (0x00080018, "UI", named.sop_instance_uid),
        (0x0020000D, "UI", named.study_instance_uid),
        (0x0020000E, "UI", named.series_instance_uid),
    ]
    data_set = b"".join(element(*each) for each in sorted([*uids, *elements]))
    return part10(data_set, instance=named.sop_instance_uid)


def rows(space: SpaceWithoutTriggers, kind: str) -> list[dict[str, Any]]:
    found = map(of_item, boto3.client("dynamodb").scan(TableName=space.table)["Items"])
    return sorted((row for row in found if row.get("kind") == kind), key=lambda row: row["sk"])


def told(space: SpaceWithoutTriggers) -> tuple[Any, ...]:
    """The attributes of study and series, and what the instances cannot give."""
    (study,), (series,) = rows(space, "STUDY"), rows(space, "SERIES")
    of_instances = [(row.get("unreadable"), row.get("partial_dates")) for row in rows(space, "INSTANCE")]
    return study_of_row(study).attributes, series_of_row(series).attributes, of_instances


def test_rows_say_what_the_revision_says_and_come_back_as_they_were(space: SpaceWithoutTriggers) -> None:
    birth_date, study_date, series_number = (0x00100030, "DA"), (0x00080020, "DA"), (0x00200011, "IS")
    space.store(
        key(1),
        file(
            1,
            (*study_date, "20260102"),
            (0x00081030, "LO", "Chest"),
            (0x00081080, "LO", "Cough"),
            (0x00100020, "LO", "4711"),
            (0x00180022, "CS", "HELIX"),
            (*series_number, "3"),
        ),
    )
    space.store(key(2), file(2, (*study_date, "today"), (*birth_date, "1921"), (*series_number, "third")))
    space.store(key(3), file(3, (0x00081030, "LO", "Thorax"), (0x00100020, "LO", ""), (0x00200013, "IS", "one")))
    space.finalize(STUDY)

    before = told(space)
    of_study, of_series, of_instances = before
    uids = {tag: {"vr": "UI", "Value": [uid]} for tag, uid in (("0020000D", STUDY), ("0020000E", f"{STUDY}.1"))}
    assert of_study == attributes(
        StudyDate="20260102", StudyDescription="Thorax", AdmittingDiagnosesDescription="Cough", PatientID="4711"
    ) | {"0020000D": uids["0020000D"]}
    assert of_series == attributes(ScanOptions="HELIX", SeriesNumber=3) | {"0020000E": uids["0020000E"]}
    assert [unreadable for unreadable, _ in of_instances] == [
        None,
        ["00080020", "00100030", "00200011"],
        ["00200013"],
    ]

    settings = Settings(space.environment)
    revision = RevisionArchive(S3Objects(settings.spaces)).read(StudyKey("main", STUDY), 1)
    assert revision is not None
    assert (revision.attributes, revision.series[0].attributes) == (of_study, of_series)
    assert revision.conflicts == ("00081030",)
    assert revision.unreadable == ("00200013",)
    assert revision.partial_dates == attributes(PatientBirthDate="1921")

    table = ManifestTable(space.table)
    for item in boto3.client("dynamodb").scan(TableName=table.name)["Items"]:
        boto3.client("dynamodb").delete_item(TableName=table.name, Key={"pk": item["pk"], "sk": item["sk"]})
    space.reconcile("main")
    assert told(space) == before
