"""A study that was lost comes back bit by bit, and without what was removed for good."""

from typing import Any
from uuid import uuid4

import pytest

from imaging.aws.clients import client
from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import Row, instance_partitions, study_partition, study_row_key, to_item
from imaging.errors import Unavailable
from imaging.model.identifiers import StudyKey
from imaging.model.instance import Action
from imaging.pipeline import reconcile_study, restore_study
from imaging.pipeline.revision_archive import RevisionArchive
from tests.manifest_table import create_manifest_table
from tests.unit.pipeline.test_reconcile import World


@pytest.fixture(scope="module")
def table(embedded_aws: object) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


class Losing(World):
    """One that can lose a study's rows, and counts the versions that are read."""

    def __init__(self, table: ManifestTable) -> None:
        super().__init__(table)
        self.read_versions: list[str] = []
        self.fails_after = 1_000
        read = self.objects.read

        def counted(space: str, object_key: str, *, version_id: str | None = None, **range_: Any) -> Any:
            if version_id:
                self.read_versions.append(object_key)
                if len(self.read_versions) > self.fails_after:
                    raise Unavailable("The store does not answer.")
            return read(space, object_key, version_id=version_id, **range_)

        self.objects.read = counted  # type: ignore[method-assign]

    def rows_of(self, study: str, prefix: str = "") -> list[Row]:
        key = StudyKey(self.space, study)
        return [
            row
            for partition in (study_partition(key), *instance_partitions(key))
            for row in self.table.query(
                KeyConditionExpression="pk = :pk", ExpressionAttributeValues=to_item({":pk": partition})
            )
            if row["sk"].startswith(prefix)
        ]

    def lose(self, study: str) -> None:
        for row in self.rows_of(study):
            client("dynamodb").delete_item(TableName=self.table.name, Key=to_item({"pk": row["pk"], "sk": row["sk"]}))
        self.read_versions.clear()

    def purge(self, object_key: str, *, all_but_the_latest: bool = False) -> None:
        versions = self.objects.versions(object_key, self.space)
        for version in versions[:-1] if all_but_the_latest else versions:
            self.objects.remove_version(self.space, object_key, version.version_id)


@pytest.fixture
def world(table: ManifestTable) -> Losing:
    return Losing(table)


def numbers(rows: list[Row]) -> dict[str, tuple[int, str, str]]:
    return {row["sk"]: (row["change_number"], row["action"], row["version_id"]) for row in rows}


def test_a_restore_that_was_interrupted_goes_on_where_it_was(world: Losing, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, 6):
        world.store("1", "1.1", f"1.1.{number}")
    world.store("1", "1.1", "1.1.1", InstanceNumber=2)
    world.finalize("1")
    before, metadata = numbers(world.rows_of("1", "INSTANCE#")), len(world.rows_of("1", "METADATA#"))
    world.lose("1")
    monkeypatch.setattr(restore_study, "_AT_A_TIME", 2)
    world.fails_after = 4

    reconcile = world.reconciler()
    monkeypatch.setattr(reconcile, "_warn", lambda message, *, extra: None)
    assert reconcile(world.space).found.failed == 1
    assert len(world.rows_of("1", "INSTANCE#")) == 3, "the first of them has an earlier version"
    assert world.table.get(study_row_key(StudyKey(world.space, "1"))) is None

    world.read_versions.clear()
    world.fails_after = 1_000
    result = world.reconcile()
    assert (result.restored_studies, result.indexed, result.failed) == (1, 0, 0)
    assert len(world.read_versions) == 2
    assert numbers(world.rows_of("1", "INSTANCE#")) == before
    assert len(world.rows_of("1", "METADATA#")) == metadata == 6
    assert world.reconcile().restored_studies == 0


def test_what_no_revision_has_is_indexed_some_at_a_time(world: Losing, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, 6):
        world.put_by_hand("1", "1.1", f"1.1.{number}")
    monkeypatch.setattr(reconcile_study, "_INDEXED_AT_A_TIME", 2)
    record_changes, written = world.rows.record_changes, []

    def recorded(changes: Any, at: Any) -> Any:
        written.append(len(changes))
        return record_changes(changes, at)

    monkeypatch.setattr(world.rows, "record_changes", recorded)
    assert world.reconcile().indexed == 5
    assert written == [2, 2, 1]


def test_a_version_that_was_removed_for_good_is_a_deletion_and_holds_up_nothing_else(world: Losing) -> None:
    for number in range(1, 5):
        world.store("1", "1.1", f"1.1.{number}", SeriesDescription="S")
    world.finalize("1")
    world.delete("1", "1.1", "1.1.4")
    world.finalize("1")
    world.purge(world.key("1", "1.1", "1.1.1").object_key)
    world.purge(world.key("1", "1.1", "1.1.4").object_key, all_but_the_latest=True)
    replaced = world.put_by_hand("1", "1.1", "1.1.2", InstanceNumber=2)
    world.purge(replaced.object_key, all_but_the_latest=True)
    world.lose("1")

    result = world.reconcile()

    assert (result.restored_studies, result.indexed, result.failed) == (1, 2, 0)
    rows = [world.row(world.key("1", "1.1", f"1.1.{number}")) for number in range(1, 5)]
    assert [(row.change_number, row.action) for row in rows] == [
        *((2, Action.DELETE), (2, Action.UPDATE), (1, Action.CREATE), (2, Action.DELETE)),
    ]
    assert {row.attributes["0008103E"]["Value"][0] for row in (rows[0], rows[3])} == {"S"}
    world.finalize("1")
    third = RevisionArchive(world.objects).read(StudyKey(world.space, "1"), 3)
    assert third
    assert [(one.sop_instance_uid, one.change_number) for one in third.deletions] == [("1.1.1", 2)]
    assert [one.sop_instance_uid for one in third.modifications] == ["1.1.2"]
    assert world.reconcile().indexed == 0
