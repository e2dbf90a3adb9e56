from itertools import islice
from uuid import uuid4

import pytest

from imaging.aws.dynamodb_table import ManifestTable
from imaging.model.identifiers import StudyKey
from imaging.ports.catalogue import Location, StudyListing
from tests.archive import Archive
from tests.manifest_table import counted_rows, create_manifest_table

STUDIES = 12


@pytest.fixture(scope="module")
def table(embedded_aws: object) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


@pytest.fixture(scope="module")
def archive(table: ManifestTable) -> Archive:
    archive = Archive(table)
    for number in range(STUDIES):
        archive.store(
            f"1.{number}",
            f"1.{number}.1",
            f"1.{number}.1.1",
            StudyDate=f"202601{number + 1:02}" if number else "",
            PatientID=f"P{number % 2}",
            AccessionNumber=f"A{number}",
        )
    return archive


def listed(archive: Archive, listing: StudyListing) -> list[str]:
    studies = archive.catalogue.list_studies(archive.space, listing, at_a_time=5)
    return [study.key.study_instance_uid for study in studies]


def test_lists_all_studies_newest_first_the_undated_last(archive: Archive) -> None:
    assert listed(archive, StudyListing()) == [f"1.{number}" for number in range(STUDIES - 1, -1, -1)]


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        (StudyListing(first_date="20260103", last_date="20260105"), ["1.4", "1.3", "1.2"]),
        (StudyListing(first_date="20260111"), ["1.11", "1.10"]),
        (StudyListing(last_date="20260103"), ["1.2", "1.1"]),
        (StudyListing(patient_id="P1"), ["1.11", "1.9", "1.7", "1.5", "1.3", "1.1"]),
        (StudyListing(patient_id="P1", first_date="20260108"), ["1.11", "1.9", "1.7"]),
        (StudyListing(patient_id="P"), []),
        (StudyListing(accession_number="A7"), ["1.7"]),
        (StudyListing(accession_number="A7", last_date="20260101"), []),
    ],
)
def test_lists_by_index(archive: Archive, listing: StudyListing, expected: list[str]) -> None:
    assert listed(archive, listing) == expected


def test_lists_no_study_of_another_space(archive: Archive, table: ManifestTable) -> None:
    assert listed(Archive(table), StudyListing()) == []


def test_reads_no_more_keys_than_the_caller_takes(archive: Archive) -> None:
    with counted_rows() as rows:
        assert len(list(islice(archive.catalogue.list_studies(archive.space, StudyListing(), at_a_time=3), 4))) == 4
    assert rows == [3, 3]


def test_locates_a_series_and_an_instance(archive: Archive) -> None:
    study = StudyKey(archive.space, "1.3")
    assert archive.catalogue.locate(archive.space, "1.3.1") == [Location(study, "1.3.1", None)]
    assert archive.catalogue.locate(archive.space, "1.3.1.1") == [Location(study, "1.3.1", "1.3.1.1")]
    assert archive.catalogue.locate(archive.space, "1.3") == []


def test_reads_studies_in_the_order_asked_for(archive: Archive) -> None:
    keys = [StudyKey(archive.space, uid) for uid in ("1.3", "9.9", "1.7")]
    assert [study.key for study in archive.catalogue.read_studies(keys)] == [keys[0], keys[2]]


def test_merges_instances_of_all_partitions_in_the_order_of_their_uids(table: ManifestTable) -> None:
    archive = Archive(table)
    names = [(series, f"{series}.{number}") for series in ("2.1", "2.10", "2.2") for number in range(9)]
    for series, instance in reversed(names):
        archive.store("2", series, instance)
    archive.delete("2", "2.2", "2.2.4")
    names.remove(("2.2", "2.2.4"))
    study = StudyKey(archive.space, "2")
    rows = archive.catalogue.read_instances(study, at_a_time=4)
    assert [(row.key.series_instance_uid, row.key.sop_instance_uid) for row in rows] == names
    of_series = archive.catalogue.read_instances(study, "2.1")
    assert [row.key.sop_instance_uid for row in of_series] == [f"2.1.{number}" for number in range(9)]
    deleted = archive.key("2", "2.2", "2.2.4")
    kept = archive.key("2", "2.2", "2.2.5")
    assert [row.key for row in archive.catalogue.read_instances_at([deleted, kept])] == [kept]


def test_a_series_without_instances_is_gone(table: ManifestTable) -> None:
    archive = Archive(table)
    archive.store("3", "3.1", "3.1.1")
    archive.store("3", "3.2", "3.2.1")
    archive.delete("3", "3.1", "3.1.1")
    assert [series.series_instance_uid for series in archive.catalogue.read_series(StudyKey(archive.space, "3"))] == [
        "3.2"
    ]
    assert archive.catalogue.locate(archive.space, "3.1") == []
    assert archive.catalogue.locate(archive.space, "3.1.1") == []


def test_a_study_without_instances_is_in_no_index(table: ManifestTable) -> None:
    archive = Archive(table)
    archive.store("4", "4.1", "4.1.1", PatientID="GONE", AccessionNumber="GONE")
    archive.delete("4", "4.1", "4.1.1")
    for listing in (StudyListing(), StudyListing(patient_id="GONE"), StudyListing(accession_number="GONE")):
        assert listed(archive, listing) == []
