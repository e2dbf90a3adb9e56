"""How studies are listed by modality and by name, and what keeping that costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest

from imaging.aws.clients import client
from imaging.aws.dynamodb_table import ManifestTable
from imaging.model.identifiers import StudyKey
from imaging.ports.catalogue import StudyListing
from tests.archive import Archive
from tests.manifest_table import create_manifest_table


@pytest.fixture(scope="module")
def table(embedded_aws: object) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


@pytest.fixture
def archive(table: ManifestTable) -> Archive:
    return Archive(table)


def listed(archive: Archive, **listing: Any) -> list[str]:
    studies = archive.catalogue.list_studies(archive.space, StudyListing(**listing), at_a_time=2)
    return [study.key.study_instance_uid for study in studies]


@contextmanager
def transactions() -> Iterator[list[int]]:
    """How many rows each transaction writes meanwhile."""
    written: list[int] = []

    def count(params: dict[str, Any], **_: object) -> None:
        written.append(len(params["TransactItems"]))

    events = client("dynamodb").meta.events
    events.register("provide-client-params.dynamodb.TransactWriteItems", count)
    try:
        yield written
    finally:
        events.unregister("provide-client-params.dynamodb.TransactWriteItems", count)


def test_lists_by_modality_newest_first(archive: Archive) -> None:
    for number, modality in enumerate(("CT", "MR", "CT", "CT"), start=1):
        archive.store(f"1.{number}", "1", "1.1", Modality=modality, StudyDate=f"2026010{number}")
    assert listed(archive, modality="CT") == ["1.4", "1.3", "1.1"]
    assert listed(archive, modality="CT", first_date="20260102", last_date="20260103") == ["1.3"]
    assert listed(archive, modality="US") == []


def test_lists_by_the_beginning_of_a_name_then_from_the_newest(archive: Archive) -> None:
    names = ("M\u00fcller^Anna", "MULLER^Anna", "Muller^Berta", "Mulder", "Ander")
    for number, name in enumerate(names, start=1):
        archive.store(
            f"1.{number}",
            "1",
            "1.1",
            PatientName=name,
            StudyDate=f"2026010{number}",
            SpecificCharacterSet="ISO_IR 192",
        )
    assert listed(archive, name="m") == ["1.4", "1.2", "1.1", "1.3"]
    assert listed(archive, name="muller") == ["1.2", "1.1", "1.3"]
    assert listed(archive, name="muller^anna", is_whole_name=True) == ["1.2", "1.1"]
    whole = {"name": "muller^anna", "is_whole_name": True}
    assert listed(archive, **whole, first_date="20260101", last_date="20260101") == ["1.1"]
    assert listed(archive, **whole, first_date="20260102") == ["1.2"]


def test_the_undated_come_last_under_their_name_and_in_no_range_of_dates(archive: Archive) -> None:
    archive.store("1.1", "1", "1.1", PatientName="Doe", StudyDate="")
    archive.store("1.2", "1", "1.1", PatientName="Doe", StudyDate="19000101")
    assert listed(archive, name="doe", is_whole_name=True) == ["1.2", "1.1"]
    assert listed(archive, name="doe", is_whole_name=True, last_date="20300101") == ["1.2"]


def test_a_name_of_three_groups_is_found_by_each_and_listed_once_by_what_they_share(archive: Archive) -> None:
    archive.store(
        "1",
        "1",
        "1.1",
        PatientName="Yamada^Tarou=\u5c71\u7530^\u592a\u90ce=Yamada^Taro",
        SpecificCharacterSet="ISO_IR 192",
    )
    for name in ("y", "yamada^taro", "yamada^tarou", "\u5c71", "\u5c71\u7530^\u592a\u90ce"):
        assert listed(archive, name=name) == ["1"]
    assert listed(archive, name="yamada^taro", is_whole_name=True) == ["1"]
    assert listed(archive, name="yamadax") == []


def test_a_study_that_changes_is_listed_by_what_it_is_now(archive: Archive) -> None:
    archive.store("1", "1.1", "1.1.1", PatientName="Before", Modality="CT")
    archive.store("1", "1.2", "1.2.1", PatientName="After", Modality="MR", StudyDate="20270101")
    assert listed(archive, name="before") == []
    assert listed(archive, name="after") == ["1"]
    assert listed(archive, modality="CT", first_date="20270101") == ["1"]
    archive.finalize("1")
    archive.delete("1", "1.1", "1.1.1")
    assert listed(archive, modality="CT") == ["1"]  # until the study is looked at as a whole
    archive.finalize("1")
    assert listed(archive, modality="CT") == []
    assert listed(archive, modality="MR") == ["1"]


def test_a_study_without_instances_is_not_listed(archive: Archive) -> None:
    archive.store("1", "1.1", "1.1.1", PatientName="Gone", Modality="CT")
    archive.delete("1", "1.1", "1.1.1")
    assert listed(archive, name="gone") == listed(archive, modality="CT") == []
    archive.store("1", "1.1", "1.1.1", PatientName="Back", Modality="CT")
    assert listed(archive, name="back") == ["1"]


def test_after_a_place_whose_study_is_gone_a_listing_goes_on_behind_it(archive: Archive) -> None:
    for number in range(1, 6):
        archive.store(f"1.{number}", "1", "1.1", StudyDate=f"2026010{number}", PatientName=f"Doe^{number}")
    for listing in (StudyListing(), StudyListing(modality="CT"), StudyListing(patient_id="PID-1")):
        studies = list(archive.catalogue.list_studies(archive.space, listing, at_a_time=10))
        rest = archive.catalogue.list_studies(archive.space, listing, at_a_time=10, after=studies[1].place)
        assert list(rest) == studies[2:]
    by_name = list(archive.catalogue.list_studies(archive.space, StudyListing(name="doe"), at_a_time=10))
    archive.delete(by_name[1].key.study_instance_uid, "1", "1.1")
    rest = archive.catalogue.list_studies(archive.space, StudyListing(name="doe"), at_a_time=10, after=by_name[1].place)
    assert list(rest) == by_name[2:]


def test_only_what_differs_is_written(archive: Archive) -> None:
    with transactions() as written:
        archive.store("1", "1.1", "1.1.1")
        archive.store("1", "1.1", "1.1.2")
        archive.store("1", "1.2", "1.2.1", Modality="MR")
        archive.finalize("1")
    # instance, series, study, and once for each modality and name; the finalizer's claim, two series, and the end
    assert written == [5, 3, 4, 1, 3, 2]
    with transactions() as written:
        archive.store("1", "1.1", "1.1.1", PatientComments="other bytes")
        archive.finalize("1")
    assert written == [3, 1, 3, 2]


def test_a_study_of_more_modalities_than_a_transaction_has_room_for_is_listed_all_the_same(archive: Archive) -> None:
    keys = [archive.key("1", f"1.{number}", f"1.{number}.1") for number in range(45)]
    for number, key in enumerate(keys):
        archive.put_all([key], Modality=f"M{number}")
    archive.put_all(keys, Modality="CT", PatientName="Moved", StudyDate="20270101")
    assert listed(archive, modality="CT", first_date="20270101") == ["1"]
    archive.finalize("1")
    assert listed(archive, modality="CT") == ["1"]
    assert listed(archive, modality="M7") == []
    assert StudyKey(archive.space, "1") in [study.key for study in archive.catalogue.read_studies([keys[0].study])]
